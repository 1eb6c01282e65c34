"""One app's events on their way to its endpoints, while this process has the app's lease. [work]"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from control.webhooks import payloads, rules
from control.webhooks.deliveries import Deliveries, DeliveryRecorder
from control.webhooks.documents import CursorDoc, DeliveryDoc, WebhookDoc
from control.webhooks.endpoint_worker import EndpointWorker, Item
from control.webhooks.filters import passes
from weir.foundation.clock import monotonic, now_ms, rfc3339
from weir.foundation.ids import derived_id
from weir.foundation.redis.event_log import EventLogReader, LoggedEvent, LogPosition

MOST_PAGES, MOST_OPEN = 1_000, 5_000
CURSOR_EVERY_S, KEEP_EVERY_S = 0.25, 2.0
LOOKS_BACK_MS = 300_000
BATCHES_KNOWN = 20
LARGEST_BATCH = 64 * 1024
OF_CHANNELS = ("chat.", "user.", "viewer.")
"""What is in an app's log only while somebody follows the app."""
Done = Callable[[], None]
MakeWorker = Callable[[WebhookDoc, DeliveryRecorder], EndpointWorker]


class _Page:
    """Events that were read together. `open`: how many deliveries are neither done nor stored."""

    def __init__(self, last: LoggedEvent, count: int) -> None:
        self.last = last
        self.open = count

    def done(self) -> None:
        self.open -= 1


class _Gathering:
    """Events that will be one request; `since` is when the first of them came."""

    def __init__(self) -> None:
        self.events: list[tuple[LoggedEvent, str, bytes, Done]] = []
        self.since = 0.0
        self.bytes = 0

    def add(self, event: LoggedEvent, event_id: str, body: bytes, done: Done) -> None:
        self.since = self.since if self.events else monotonic()
        self.events.append((event, event_id, body, done))
        self.bytes += len(body)


class AppDispatch:
    def __init__(
        self, app: str, cursor: CursorDoc | None, deliveries: Deliveries, make_worker: MakeWorker
    ) -> None:
        self.app = app
        self.active_at = monotonic()
        self.looked_at = 0.0
        self.wanted_at = 0.0
        self.position = cursor["seq"] if cursor else 0
        self.recorder = DeliveryRecorder(deliveries, app)
        self._epoch = cursor["epoch"] if cursor else ""
        self._at = cursor["at"] if cursor else now_ms()
        self._passed: LoggedEvent | None = None
        self._unsaved = False
        self._saved_at = self._kept_at = 0.0
        self._known_until: int | None = None
        self._place = 0
        self._deliveries = deliveries
        self._make_worker = make_worker
        self._workers: dict[str, EndpointWorker] = {}
        self._gathering: dict[str, _Gathering] = {}
        self._gathered_until: dict[str, tuple[str, int]] = {}
        self._pages: deque[_Page] = deque()

    @property
    def is_full(self) -> bool:
        """Whether so much is under way that nothing more is read."""
        return len(self._pages) >= MOST_PAGES or sum(page.open for page in self._pages) >= MOST_OPEN

    @property
    def wants_channels(self) -> bool:
        return any(
            one == "*" or one.startswith(OF_CHANNELS)
            for worker in self._workers.values()
            for one in worker.hook["types"]
        )

    async def refresh(self, hooks: Sequence[WebhookDoc], *, looks: bool = False) -> None:
        """The app's enabled endpoints as they are now. `looks`: deliveries were changed, too."""
        present = {hook["id"]: hook for hook in hooks}
        for gone in self._workers.keys() - present.keys():
            if gone in self._gathering:
                self._flush(self._workers[gone])
            worker = self._workers.pop(gone)
            await worker.stop()
            await self._left(worker)
        for webhook, hook in present.items():
            present_one = self._workers.get(webhook)
            if present_one is None:
                self._workers[webhook] = self._make_worker(hook, self.recorder)
                self._known_until = None
            else:
                present_one.hook = hook
                if looks:
                    present_one.look()

    async def take(self, at: LogPosition, events: Sequence[LoggedEvent]) -> None:
        """New entries of the log, in order. Errors: Unavailable; then the same entries come again."""
        if at.epoch and at.epoch != self._epoch:
            began, self._epoch = self._epoch != "", at.epoch
            if began:  # a new sequence: all that is there is looked at again
                self.position, self._known_until = 0, None
                return
        if not events:
            return
        if self._known_until is None:
            await self._learn_batches()
            self._known_until = at.seq
        self.active_at = monotonic()
        wanted = [
            (worker, event, event_id, body)
            for event in events
            if event.at_ms >= self._at - LOOKS_BACK_MS
            for worker, event_id, body in self._wanting(event)
        ]
        known: set[str] = set()
        if events[0].seq <= self._known_until:  # another process may have been here
            ids = [derived_id("dlv", worker.hook["id"], event_id) for worker, _, event_id, _ in wanted]
            known = await self._deliveries.known(self.app, ids)
        fresh = [one for one in wanted if derived_id("dlv", one[0].hook["id"], one[2]) not in known]
        page = _Page(events[-1], len(fresh))
        self._pages.append(page)
        self.position = events[-1].seq
        for worker, event, event_id, body in fresh:
            if worker.hook["batch"] is not None:
                gathering = self._gathering.setdefault(worker.hook["id"], _Gathering())
                if gathering.bytes + len(body) > LARGEST_BATCH and gathering.events:
                    self._flush(worker)
                    gathering = self._gathering.setdefault(worker.hook["id"], _Gathering())
                gathering.add(event, event_id, body, page.done)
                if len(gathering.events) >= worker.hook["batch"]["most"]:
                    self._flush(worker)
            else:
                doc = self._delivery(worker.hook, event, event_id, event.type, body)
                worker.offer(Item(doc, page.done, logged_ms=event.at_ms))

    def _wanting(self, event: LoggedEvent) -> list[tuple[EndpointWorker, str, bytes]]:
        data: dict[str, Any] | None = None
        body, found = b"", list[tuple[EndpointWorker, str, bytes]]()
        for worker in self._workers.values():
            hook = worker.hook
            if not rules.matches_type(hook["types"], event.type) or self._is_before(hook, event):
                continue
            if data is None:
                data = orjson.loads(event.body)
                body = payloads.payload(data)
            if rules.matches(hook, event.type, data) and passes(hook["filter"], event.type, data):
                found.append((worker, str(data["id"]), body))
        return found

    def _is_before(self, hook: WebhookDoc, event: LoggedEvent) -> bool:
        """Whether an event is older than the endpoint, or went into one of its batches."""
        epoch, seq = self._gathered_until.get(hook["id"], ("", 0))
        if event.epoch == epoch and event.seq <= seq:
            return True
        start = hook["start"]
        if event.epoch == start["epoch"]:
            return event.seq <= start["seq"]
        return event.at_ms < start["at"]

    async def _learn_batches(self) -> None:
        """How far the events are in batches that a process before this one has stored."""
        for worker in self._workers.values():
            if worker.hook["batch"] is not None:
                page = await self._deliveries.page(
                    self.app, {"webhook": worker.hook["id"]}, BATCHES_KNOWN, None
                )
                newest = next((one for one in page.data if "events" in one and one.get("epoch")), None)
                if newest is not None:
                    self._gathered_until[worker.hook["id"]] = newest["epoch"], newest["seq"]

    def _delivery(
        self, hook: WebhookDoc, event: LoggedEvent, event_id: str, kind: str, body: bytes
    ) -> DeliveryDoc:
        now = now_ms()
        self._place = max(self._place + 1, now * 1000)
        return {
            "id": derived_id("dlv", hook["id"], event_id),
            "webhook": hook["id"],
            "event": event_id,
            "type": kind,
            "state": "pending",
            "created": now,
            "place": self._place,
            "next_at": now,
            "tries": 0,
            "attempts": [],
            "body": body.decode(),
            "seq": event.seq,
            "epoch": event.epoch,
        }

    def _flush(self, worker: EndpointWorker) -> None:
        """Stores what was gathered as one delivery; it is sent from there, so that a repeat is the same batch."""
        events = self._gathering.pop(worker.hook["id"]).events
        batch_id = derived_id("evt", worker.hook["id"], "batch", events[0][1])
        body = payloads.batch([one[2] for one in events], rfc3339(now_ms()))
        doc = self._delivery(worker.hook, events[-1][0], batch_id, payloads.BATCH, body)
        doc["events"] = len(events)

        def done() -> None:
            for _, _, _, one_done in events:
                one_done()

        worker.keep(Item(doc, done))

    def tick(self) -> None:
        """Called TICK_S apart."""
        for webhook, gathering in list(self._gathering.items()):
            worker = self._workers[webhook]
            batch = worker.hook["batch"]
            if batch is None or monotonic() - gathering.since >= batch["wait_ms"] / 1000:
                self._flush(worker)
        for worker in self._workers.values():
            worker.tick()
        while self._pages and self._pages[0].open == 0:
            self._passed, self._unsaved = self._pages.popleft().last, True

    async def save(self, reader: EventLogReader) -> None:
        """Stores how far all is done or stored, and lets the log drop what is before it. Errors: Unavailable."""
        now = monotonic()
        if self._unsaved and self._passed is not None and now - self._saved_at > CURSOR_EVERY_S:
            self._unsaved, self._saved_at = False, now
            self._at = self._passed.at_ms
            await self._deliveries.move_cursor(
                self.app, self._passed.epoch, self._passed.seq, self._passed.at_ms
            )
        if now - self._kept_at > KEEP_EVERY_S:
            self._kept_at = now
            await reader.keep_after(self.app, self._passed.seq if self._passed else self.position)

    async def stop(self) -> None:
        """What waits in memory is stored. Errors: Unavailable; the next process reads it from the log."""
        for webhook in list(self._gathering):
            self._flush(self._workers[webhook])
        for worker in self._workers.values():
            await worker.stop()
        await self.recorder.flush()
        for worker in self._workers.values():
            await self._left(worker)

    async def _left(self, worker: EndpointWorker) -> None:
        """Of a deleted endpoint nothing is kept."""
        await self.recorder.flush()
        if not await self._deliveries.exists(worker.hook["id"]):
            await self._deliveries.remove_of(worker.hook)
