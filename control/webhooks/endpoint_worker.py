"""Sends one endpoint's deliveries: a first attempt at once where it can, from the store otherwise. [work]

A delivery is written once it is done, or as soon as it has to wait: after a failed attempt, behind a breaker
or a Retry-After, when too many wait in memory, or when the first attempt takes longer than SLOW_S. Until
then it is in the app's log, whose cursor does not pass it.
"""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import cast

import structlog
from prometheus_client import Counter, Gauge, Histogram

from control.webhooks import rules
from control.webhooks.deliveries import KEPT_ATTEMPTS, Deliveries, DeliveryRecorder
from control.webhooks.documents import AttemptDoc, DeliveryDoc, Health, WebhookDoc
from control.webhooks.sender import Message, Sender, asked_wait_s
from weir.foundation.clock import monotonic, now_ms
from weir.foundation.egress import EgressAnswer
from weir.foundation.errors import Unavailable
from weir.foundation.services import Tasks

MOST_IN_MEMORY = 500
SLOW_S = 1.0
CROWDED_S = 1.0
HEALTH_EVERY_S = 5.0
TIMEOUT_MARGIN_MS = 5_000
UNAVAILABLE_MS, FAULT_MS = 1_000, 60_000
ATTEMPTS = Counter("weir_webhook_attempts_total", "Attempts to deliver a webhook.", ["outcome"])
FIRST = Histogram(
    "weir_webhook_first_attempt_seconds", "From an event's place in the log to its first attempt.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300),
)  # fmt: skip
OPEN = Gauge("weir_webhook_breaker_open", "1 while no attempts are made to an endpoint.", ["webhook"])
OLDEST = Gauge("weir_webhook_oldest_waiting_seconds", "Age of the oldest delivery that waits.", ["webhook"])
log = structlog.get_logger("webhooks")
Disable = Callable[[WebhookDoc, str], Awaitable[None]]
SaveHealth = Callable[[WebhookDoc, Health], Awaitable[None]]
Picture = Callable[[WebhookDoc, DeliveryDoc], Awaitable[bytes | None]]


@dataclass
class Item:
    """A delivery in this process. `done` is called once it need not be read from the log again; `stored`: it
    has a document; `logged_ms`: when its event was logged."""

    doc: DeliveryDoc
    done: Callable[[], None]
    stored: bool = False
    logged_ms: int = 0
    since: float = field(default_factory=monotonic)


class EndpointWorker:
    """`disable` turns the endpoint off and says why. Cancelled with its app's dispatch."""

    def __init__(
        self,
        hook: WebhookDoc,
        deliveries: Deliveries,
        recorder: DeliveryRecorder,
        sender: Sender,
        *,
        schedule_s: list[float],
        timeout_s: float,
        picture: Picture,
        disable: Disable,
        save_health: SaveHealth,
    ) -> None:
        self.hook = hook
        self.health: Health = hook["health"]
        self._deliveries = deliveries
        self._recorder = recorder
        self._sender = sender
        self._schedule = schedule_s
        self._timeout_s = timeout_s
        self._picture = picture
        self._disable = disable
        self._save_health = save_health
        self._tasks = Tasks()
        self._backlog: deque[Item] = deque()
        self._due: deque[Item] = deque()
        self._running: dict[str, Item] = {}
        self._holding: set[str] = set()
        self._ended: set[str] = set()  # while a look is under way, which may still see them as waiting
        self._active = 0
        self._looking = False
        self._has_stored = True  # of a process before this one
        self._changes = self._recording = 0
        self._look_at = 0
        self._tokens = 1.0
        self._filled_at = monotonic()
        self._health_at = 0.0
        self._unsaved = False
        self.stopped = False

    # -- what is to be sent

    def offer(self, item: Item) -> None:
        """A new event for this endpoint."""
        if (
            rules.ready_at(self.health) > now_ms()
            or len(self._backlog) >= MOST_IN_MEMORY
            or (self.hook["ordered"] and self._has_stored)
        ):
            self.keep(item)
            return
        self._backlog.append(item)
        self.pump()

    def keep(self, item: Item) -> None:
        """Stores a delivery, which is sent from there when nothing holds it up."""
        next_at = max(now_ms(), rules.ready_at(self.health))
        self._note_due(next_at)
        self._record(item, {**item.doc, "next_at": next_at})

    def look(self) -> None:
        """Documents of this endpoint have changed: a replay, another process."""
        self._has_stored, self._look_at = True, 0
        self._changes += 1

    def tick(self) -> None:
        """Called a few times a second."""
        if self._backlog and (
            rules.ready_at(self.health) > now_ms()
            or (self.hook["ordered"] and self._has_stored)
            or monotonic() - self._backlog[0].since > CROWDED_S
        ):
            while self._backlog:
                self.keep(self._backlog.popleft())
        if (
            self._has_stored
            and not self._due
            and not self._looking
            and self._look_at <= now_ms() >= rules.ready_at(self.health)
        ):
            self._looking = True
            self._tasks.start(self._look(), f"webhook {self.hook['id']}")
        OPEN.labels(self.hook["id"]).set(rules.breaker(self.health, now_ms()) == "open")
        if self._unsaved and monotonic() - self._health_at > HEALTH_EVERY_S:
            self._tasks.start(self._write_health(), f"health {self.hook['id']}")
        self.pump()

    def pump(self) -> None:
        """Starts what may be started now."""
        while (
            not self.stopped and self._active < self._limit() and (queue := self._ready()) and self._token()
        ):
            item = queue.popleft()
            self._active += 1
            self._running[item.doc["id"]] = item
            self._tasks.start(self._process(item), f"webhook {self.hook['id']}")

    def _ready(self) -> deque[Item] | None:
        """From where the next one is taken."""
        if rules.ready_at(self.health) > now_ms():
            return None
        behind = self.hook["ordered"] and self._has_stored
        return self._due or (None if behind else self._backlog) or None

    def _limit(self) -> int:
        if self.hook["ordered"] or rules.breaker(self.health, now_ms()) != "closed":
            return 1
        return self.hook["concurrency"]

    def _token(self) -> bool:
        rate = self.hook["rate"]
        if rate is None:
            return True
        now = monotonic()
        self._tokens = min(max(1.0, rate / 5), self._tokens + (now - self._filled_at) * rate)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    # -- one delivery

    async def _process(self, item: Item) -> None:
        try:
            await (self._again(item) if item.stored else self._first(item))
        except Unavailable as error:
            log.warning("webhook.waits", webhook=self.hook["id"], error=error.detail)
            self._put_back(item, UNAVAILABLE_MS)
        except Exception:  # what one delivery meets must not keep the log's cursor from all others
            log.exception("webhook.failed", webhook=self.hook["id"], delivery=item.doc["id"])
            self._put_back(item, FAULT_MS)
        finally:
            self._active -= 1
            self._running.pop(item.doc["id"], None)
            self._holding.discard(item.doc["id"])
            if self._looking:
                self._ended.add(item.doc["id"])
            self.pump()

    def _put_back(self, item: Item, later_ms: int) -> None:
        """A delivery that was not settled is stored, to be tried later; a stored one still waits there."""
        if item.stored:
            self._has_stored, self._look_at = True, now_ms() + later_ms
            self._changes += 1
        elif item.doc["id"] in self._running:
            self._note_due(now_ms() + later_ms)
            self._record(item, {**item.doc, "next_at": now_ms() + later_ms})

    async def _first(self, item: Item) -> None:
        if item.logged_ms:
            FIRST.observe(max(0, now_ms() - item.logged_ms) / 1000)
        sending = self._tasks.start(self._send(item.doc), f"webhook {self.hook['id']}")
        await asyncio.wait({sending}, timeout=SLOW_S)
        if not sending.done():  # others need not wait for it
            self._holding.add(item.doc["id"])
            patient = now_ms() + round(self._timeout_s * 2000) + TIMEOUT_MARGIN_MS
            await self._stored(item, {**item.doc, "next_at": patient})
        await self._settle(item, *await sending)

    async def _again(self, item: Item) -> None:
        await self._settle(item, *await self._send(item.doc))

    async def _send(self, doc: DeliveryDoc) -> tuple[AttemptDoc, EgressAnswer]:
        jpeg = await self._picture(self.hook, doc) if self.hook["image"] is not None else None
        return await self._sender.send(self.hook, Message(doc["event"], doc["body"].encode(), jpeg))

    async def _settle(self, item: Item, attempt: AttemptDoc, answer: EgressAnswer) -> None:
        now, doc, asked_s = now_ms(), item.doc, asked_wait_s(answer)
        tries = doc["tries"] + 1
        out = rules.outcome(answer.status, asked_s, tries, self._schedule, now, random.random())
        ATTEMPTS.labels(answer.error or f"{answer.status // 100}xx").inc()
        if out.verdict == "delivered":
            self._change_health(rules.after_success(self.health, now))
        else:
            told = answer.detail or f"The receiver answered {answer.status}."
            first_s = self._schedule[1] if len(self._schedule) > 1 else 5.0
            self._change_health(rules.after_failure(self.health, answer.status, told, asked_s, first_s, now))
        fields = {
            "state": "pending" if out.verdict == "again" else out.verdict,
            "next_at": out.next_at,
            "tries": tries,
            "attempts": [*doc["attempts"], attempt][-KEPT_ATTEMPTS:],
        }
        if out.verdict == "again":
            self._note_due(out.next_at or now)
            if self.hook["ordered"]:  # those behind it wait for it
                self._holding -= {one.doc["id"] for one in self._due}
                self._due.clear()
        self._running.pop(doc["id"], None)
        if item.stored:
            await self._deliveries.change(doc, **fields)
            self._look_at = min(self._look_at, out.next_at or 0)  # in order, the next one waits for this
        else:
            self._record(item, cast(DeliveryDoc, {**doc, **fields}))
        if out.disable is not None:
            await self._disable(self.hook, out.disable)
        elif rules.is_dead(self.health, now):
            await self._disable(self.hook, rules.DEAD)

    def _record(self, item: Item, doc: DeliveryDoc) -> None:
        self._recording += 1

        def done() -> None:
            self._recording -= 1
            item.done()

        self._recorder.add(doc, done)

    async def _stored(self, item: Item, doc: DeliveryDoc) -> None:
        durable = asyncio.Event()
        self._recorder.add(doc, durable.set)
        await durable.wait()
        item.stored = True
        self._note_due(doc["next_at"] or 0)
        item.done()

    def _note_due(self, at: int) -> None:
        self._changes += 1
        self._look_at = min(self._look_at, at) if self._has_stored else at
        self._has_stored = True

    # -- what waits in the store

    async def _look(self) -> None:
        """Takes what is due from the store, and learns when the next is."""
        changes = self._changes
        try:
            await self._take_due(changes)
        except Unavailable:
            self._look_at = now_ms() + 500
        finally:
            self._looking = False
            self.pump()

    async def _take_due(self, changes: int) -> None:
        now, webhook = now_ms(), self.hook["id"]
        self._ended.clear()
        ordered = self.hook["ordered"]
        seen = await (self._deliveries.in_order(webhook) if ordered else self._deliveries.due(webhook, now))
        found = [doc for doc in seen if doc["id"] not in self._ended]
        if ordered:
            if self._recording or changes != self._changes:  # one before these is on its way into the store
                return
            if found and found[0]["id"] in self._holding:  # it is being sent, and may have to be sent again
                return
            if found and (found[0]["next_at"] or 0) > now:
                self._look_at = found[0]["next_at"] or 0
                return
        fresh = [doc for doc in found if doc["id"] not in self._holding]
        for doc in fresh:
            self._holding.add(doc["id"])
            self._due.append(Item(doc, _nothing, stored=True))
        OLDEST.labels(webhook).set((now - min((doc["created"] for doc in found), default=now)) / 1000)
        if fresh:
            self._look_at = 0
            return
        upcoming = await self._deliveries.next_due(webhook)
        if upcoming is not None:
            self._look_at = max(upcoming, now_ms() + 250)
        elif changes == self._changes and not self._recording:
            self._has_stored = False

    # -- how it is

    def _change_health(self, health: Health) -> None:
        turned = rules.breaker(health, now_ms()) != rules.breaker(self.health, now_ms()) or bool(
            health.get("advice") != self.health.get("advice")
        )
        self.health, self._unsaved = health, True
        if turned:
            self._health_at = 0.0

    async def _write_health(self) -> None:
        self._unsaved, self._health_at = False, monotonic()
        try:
            await self._save_health(self.hook, self.health)
        except Unavailable:
            self._unsaved = True

    async def stop(self) -> None:
        """What is under way is ended, and stored like all that waits."""
        self.stopped = True
        left = list(self._running.values())
        await self._tasks.stop()
        for item in (*left, *self._backlog):
            if not item.stored:
                self.keep(item)
        self._backlog.clear()
        if self._unsaved:
            await self._write_health()
        for gauge in (OPEN, OLDEST):
            try:
                gauge.remove(self.hook["id"])
            except KeyError:
                continue


def _nothing() -> None:
    """A stored delivery is in no log's window."""
