"""An app's events by REST and as a plain WebSocket, for programs without a Socket.IO client. [door]"""

import asyncio
import contextlib
from datetime import datetime
from typing import Any, Literal

import orjson
import structlog
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from realtime.app_events.subscriptions import NOTICE, EventSubscription, EventSubscriptions
from realtime.fanout.packet_guard import POLICY, PerSecond
from realtime.fanout.protocol import RAW
from realtime.log.app_log import AppLog, entry_of, kind_of
from realtime.log.archive import Archive
from realtime.log.channel_log import Appended, ChannelLog, PositionLost
from realtime.protocol.envelope import Entry, cursor, envelope, page, parse_cursor, tail
from realtime.protocol.messages import DEEPEST, Subscribe, deeper_than
from realtime.rules.permissions import Rate, RateWindow
from weir.foundation.clock import monotonic, now_ms, rfc3339
from weir.foundation.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    Refused,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from weir.foundation.http.problems import invalid, problem
from weir.foundation.http.routing import Answer, Body, Call, Door, Listed, Paging, Row, bind
from weir.foundation.ids import new_id
from weir.foundation.tenancy.auth import Authenticator

MOST_READS = 10
LARGEST_DATA = 16 * 1024
LARGEST_TOLD = 4 * 1024
CHANNEL_BURST = 20
MOST_PACES = 10_000
CHANNEL_RATE = Rate(100_000, 100_000 * (CHANNEL_BURST - 1), True)
"""Ten a second, twenty at once: each goes to everybody who is there."""
OWN = "+events"
"""In the place of a user id, which has no plus: the app's own events have their rate, and their ids, apart."""
MOST_UNREAD, MOST_UNREAD_BYTES = 1_000, 1 << 20
CREDENTIAL_S = 10.0
CLOSE_S = 1.0
MOST_SAID = 20
log = structlog.get_logger("realtime.events")


class NewEvent(Body):
    """`id` makes a repeat within 24 hours the same event. `stream`, `channel` and `place` are for filters.
    With `deliver: channel` it also goes to everybody who has joined the `channel`, under the channel's own
    seq, which makes it part of what is resumed; there a repeat of an `id` is known for 10 minutes. An
    `ephemeral` one goes to those who are there now, at most once, without a seq."""

    id: str | None = Field(None, pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    type: str = Field(pattern=r"^custom(\.[a-z0-9_-]{1,32}){1,3}$")
    data: dict[str, Any] = {}
    stream: str | None = Field(None, max_length=64)
    channel: str | None = Field(None, max_length=64)
    place: str | None = Field(None, max_length=64)
    deliver: Literal["app", "channel"] = "app"
    ephemeral: bool = False

    @model_validator(mode="after")
    def _complete(self) -> "NewEvent":
        if self.deliver == "channel" and self.channel is None:
            raise ValueError("`deliver: channel` needs the channel")
        if self.ephemeral and self.deliver == "app":
            raise ValueError("only what goes to a channel may be ephemeral")
        return self

    @field_validator("data")
    @classmethod
    def _bounded(cls, data: dict[str, Any]) -> dict[str, Any]:
        if deeper_than(data, DEEPEST):
            raise ValueError(f"may be nested {DEEPEST} deep")
        return data


class EventFilter(Paging):
    """`types` by commas, each may end in `.*`."""

    types: str | None = Field(None, max_length=2000)
    stream: str | None = Field(None, max_length=64)
    channel: str | None = Field(None, max_length=64)
    place: str | None = Field(None, max_length=64)


class EventPage(Listed[dict[str, Any]]):
    """`position` is the cursor for what comes later, also on the last page."""

    position: str


class Published(BaseModel):
    """`epoch` and `seq` are of the app's log, or of the channel's; an ephemeral event has none."""

    id: str
    type: str
    at: str
    epoch: str | None
    seq: int | None


class EventRoutes:
    def __init__(
        self,
        auth: Authenticator,
        apps: AppLog,
        feeds: EventSubscriptions,
        entries: ChannelLog,
        archive: Archive,
    ) -> None:
        self._auth = auth
        self._apps = apps
        self._subscriptions = feeds
        self._log = entries
        self._archive = archive
        self._paces: dict[str, RateWindow] = {}

    def routes(self, door: Door) -> list[BaseRoute]:
        rows = [
            Row("GET", "/v1/events", "tenant", self.list_events, summary="Read the app's events, oldest first", query=EventFilter,
                answer=EventPage, scope="events:read", errors=(NotFound,), tag="events"),
            Row("POST", "/v1/events", "tenant", self.publish, NewEvent, summary="Publish an event of your own", answer=Published,
                status=201, also=(200,), scope="events:write", errors=(NotFound, Conflict), tag="events", at=""),
        ]  # fmt: skip
        return [bind(row, door) for row in rows]

    def socket(self) -> list[BaseRoute]:
        return [WebSocketRoute("/v1/events/ws", self._follow), Route("/v1/events/ws", _upgrade_required)]

    async def list_events(self, call: Call) -> Answer:
        """Oldest first. `cursor` continues; without a next page, `position` is the cursor for what comes
        later."""
        app, query, limit = call.acting().app, call.query, call.query.limit
        wanted = await self._subscriptions.filter_of(
            app, _asked(query.types, query.stream, query.channel, query.place)
        )
        await self._subscriptions.mark_followed(app)
        found: list[Entry] = []
        at: str | None = query.cursor
        for _ in range(MOST_READS):
            entries, epoch, top = await self._read(app, at)
            for entry in entries:
                at = cursor(entry.epoch, entry.seq)
                if wanted.matches(kind_of(entry), entry.body):
                    found.append(entry)
                if len(found) == limit:
                    break
            last = entries[-1].seq if entries else top
            if len(found) == limit or last >= top:
                break
        shown = page(found)
        if len(shown) < len(found):
            at = cursor(shown[-1].epoch, shown[-1].seq)
        at = at or cursor(epoch, top)
        return Answer(
            {
                "data": [orjson.Fragment(entry.body) for entry in shown],
                "position": at,
                "next_cursor": at if at != cursor(epoch, top) else None,
            }
        )

    async def _read(self, app: str, at: str | None) -> tuple[list[Entry], str, int]:
        """Entries after a cursor, or the oldest; epoch and top of the log."""
        if at is None:
            position, entries = await self._apps.oldest(app)
            return entries, position.epoch, position.top
        epoch, seq = parse_cursor(at, "cursor")
        answer = await self._log.after(app, epoch, seq)
        if isinstance(answer, PositionLost):
            raise Invalid("cursor: what follows it is no longer kept; begin without a cursor.")
        return answer.entries, answer.position.epoch, answer.position.top

    async def publish(self, call: Call) -> Answer:
        """For followers of the app, or also for everybody in a channel: the pinned product, the score, the
        question of a poll."""
        app, body = call.acting().app, call.body
        most = LARGEST_DATA if body.deliver == "app" else LARGEST_TOLD
        if len(orjson.dumps(body.data)) > most:
            raise TooLarge(
                f"data: {most} bytes are the most{'' if body.deliver == 'app' else ' for a channel'}."
            )
        if body.deliver == "channel":
            return await self._to_channel(app, body)
        about = {
            name: getattr(body, name)
            for name in ("stream", "channel", "place")
            if getattr(body, name) is not None
        }
        event_id = body.id or new_id("evt")
        published = await self._apps.publish(app, event_id, body.type, {**about, "data": body.data})
        if not published.same:
            raise Conflict("There is an event with this id that says something else: choose another id.")
        answer = {
            "id": event_id,
            "type": body.type,
            "at": rfc3339(published.at_ms),
            "epoch": published.epoch,
            "seq": published.seq,
        }
        return _published(answer, repeated=published.repeated)

    async def _to_channel(self, app: str, body: NewEvent) -> Answer:
        """Errors: NotFound for another app's channel; RateLimited; Conflict for an id that says something
        else."""
        channel = str(
            (await self._subscriptions.filter_of(app, Subscribe(types=[], channel=body.channel))).channel
        )
        event_id, at = body.id or new_id("evt"), now_ms()
        about = {name: getattr(body, name) for name in ("stream", "place") if getattr(body, name) is not None}
        told = {"channel": channel, **about, "data": body.data}
        answer = {"id": event_id, "type": body.type, "at": rfc3339(at), "epoch": None, "seq": None}
        if body.ephemeral:
            if len(self._paces) >= MOST_PACES:
                self._paces.clear()
            if not self._paces.setdefault(channel, RateWindow(CHANNEL_BURST)).allows(monotonic()):
                raise RateLimited("Too many events for this channel; slow down.", retry_after=1)
            await self._log.publish_ephemeral(channel, body.type, envelope(event_id, body.type, at, **told))
            await self._apps.publish_ephemeral(app, body.type, envelope(event_id, body.type, at, **told))
            return Answer(answer, 201)
        stored = await self._log.append(
            channel,
            kind=body.type,
            entry_id=event_id,
            cid=event_id,
            uid=OWN,
            rate=CHANNEL_RATE,
            at_ms=at,
            tail=tail(event_id, body.type, channel, {**about, "data": body.data}),
        )
        seq = stored.seq
        if stored.repeated:
            at = await self._first_at(channel, stored, {"type": body.type, **told})
            answer["at"] = rfc3339(at)
        event = entry_of(event_id, body.type, at, {**told, "channel_seq": seq})
        if not await self._apps.pass_on(app, channel, seq, event_id, event):
            await self._apps.forward(app, channel)
        return _published({**answer, "epoch": stored.epoch, "seq": seq}, repeated=stored.repeated)

    async def _first_at(self, channel: str, stored: Appended, said: dict[str, Any]) -> int:
        """When an event of this id was stored first, ms. Errors: Conflict when it said something else."""
        entry = await self._log.entry(channel, stored.seq) or await self._archive.entry(
            channel, stored.epoch, stored.seq
        )
        first = orjson.loads(entry.body) if entry is not None else {}
        if {name: one for name, one in first.items() if name not in ("id", "at", "epoch", "seq")} != said:
            raise Conflict("There is an event with this id that says something else: choose another id.")
        return round(datetime.fromisoformat(first["at"]).timestamp() * 1000)

    # -- the plain WebSocket

    async def _follow(self, socket: WebSocket) -> None:
        try:
            tenant = await self._auth.tenant(
                socket.headers.get("authorization"), socket.client.host if socket.client else ""
            )
            tenant.need("events:read")
            request = _from_query(socket)
            line = EventSocket(socket)
            feed = EventSubscription(tenant.app, line.put)
            try:
                await self._serve(line, feed, request)
            finally:
                self._subscriptions.close(feed)
        except Refused as refused:
            await _refuse(socket, refused)
        except Exception:
            log.exception("events.failed")
            await _refuse(socket, Unavailable("Something went wrong here; try again.", retry_after=1))

    async def _serve(self, line: "EventSocket", feed: EventSubscription, request: Subscribe) -> None:
        answer = await self._subscriptions.subscribe(feed, request)
        line.put_answer(answer)
        await line.socket.accept()
        pages = asyncio.create_task(self._pages(line, feed, request, answer))
        ends = [
            asyncio.create_task(one)
            for one in (line.write(), line.read(), line.overflow(), self._check(line.socket))
        ]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (pages, *ends):
                task.cancel()
            await asyncio.gather(pages, *ends, return_exceptions=True)
        await line.close()

    async def _pages(
        self, line: "EventSocket", feed: EventSubscription, request: Subscribe, answer: dict[str, Any]
    ) -> None:
        """The pages after the first, each once the one before is written."""
        while answer.get("more"):
            await line.emptied()
            answer = await self._subscriptions.subscribe(
                feed, request.model_copy(update={"epoch": answer["epoch"], "seq": answer["seq"]})
            )
            if not answer["recovered"]:
                line.put(
                    NOTICE,
                    envelope(new_id("evt"), NOTICE, now_ms(), code="resync", message="Subscribe again."),
                )
                return
            line.put_events(answer)

    async def _check(self, socket: WebSocket) -> None:
        """Returns when the credential has ended."""
        with contextlib.suppress(Unauthenticated, Forbidden):
            while True:
                await asyncio.sleep(CREDENTIAL_S)
                with contextlib.suppress(Unavailable):
                    await self._auth.tenant(
                        socket.headers.get("authorization"), socket.client.host if socket.client else ""
                    )


async def _upgrade_required(_request: Request) -> Response:
    """RFC 9110 §15.5.22: says what the client should have asked for."""
    answer = problem(
        426,
        "invalid",
        "Here is a WebSocket: send Upgrade: websocket, or read the events with GET /v1/events.",
    )
    answer.headers["Upgrade"] = "websocket"
    answer.headers["Connection"] = "Upgrade"
    return answer


class EventSocket:
    """What waits to be written to one WebSocket. Who does not read is sent away, and resumes."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._unread = 0
        self._full = asyncio.Event()
        self._why = "This credential has ended."

    def put(self, _kind: str, body: bytes) -> None:
        if self._queue.qsize() < MOST_UNREAD and self._unread < MOST_UNREAD_BYTES:
            self._unread += len(body)
            self._queue.put_nowait(body)
        else:
            self._full.set()

    def put_answer(self, answer: dict[str, Any]) -> None:
        where = {name: answer[name] for name in ("epoch", "seq", "recovered")}
        self.put(NOTICE, envelope(new_id("evt"), NOTICE, now_ms(), code="subscribed", **where))
        self.put_events(answer)

    def put_events(self, answer: dict[str, Any]) -> None:
        """One page, in addition to what may wait."""
        for event in answer.get("events", []):
            body = orjson.dumps(event)
            self._unread += len(body)
            self._queue.put_nowait(body)

    async def emptied(self) -> None:
        await self._queue.join()

    async def write(self) -> None:
        """Runs until the client has gone."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):
            while True:
                body = await self._queue.get()
                await self.socket.send_text(body.decode())
                self._unread -= len(body)
                self._queue.task_done()

    async def read(self) -> None:
        """Returns when the client has gone, or sends more than a few messages a second: none has a meaning."""
        said = PerSecond(MOST_SAID)
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while (await self.socket.receive())["type"] != "websocket.disconnect":
                if not said.allows(monotonic()):
                    self._why = "Nothing is to be sent on this connection."
                    return

    async def overflow(self) -> None:
        """Returns when the client has left too much unread: a close frame would queue after it, so the
        connection is cut."""
        await self._full.wait()
        log.warning("events.slow_reader")
        raw = self.socket.scope.get("extensions", {}).get(RAW)
        if raw is not None:
            raw.transport.abort()

    async def close(self) -> None:
        with contextlib.suppress(RuntimeError, OSError, WebSocketDisconnect, TimeoutError):
            await asyncio.wait_for(self.socket.close(POLICY, self._why), CLOSE_S)


def _published(answer: dict[str, Any], *, repeated: bool) -> Answer:
    return Answer(answer, 200, headers={"Idempotency-Replayed": "true"}) if repeated else Answer(answer, 201)


def _asked(
    types: str | None, stream: str | None, channel: str | None, place: str | None, **position: Any
) -> Subscribe:
    listed = [one for one in (types or "").split(",") if one]
    try:
        return Subscribe(types=listed, stream=stream, channel=channel, place=place, **position)
    except ValidationError as error:
        raise invalid(error) from None


def _from_query(socket: WebSocket) -> Subscribe:
    query, seq = socket.query_params, socket.query_params.get("seq")
    if seq is not None and not (seq.isascii() and seq.isdecimal() and len(seq) <= 16):
        raise Invalid("seq: this is no position.")
    position = {"epoch": query.get("epoch"), "seq": int(seq) if seq is not None else None}
    return _asked(
        query.get("types"), query.get("stream"), query.get("channel"), query.get("place"), **position
    )


async def _refuse(socket: WebSocket, refused: Refused) -> None:
    """As any HTTP answer while the handshake lasts, as a close code afterwards."""
    with contextlib.suppress(RuntimeError, OSError, WebSocketDisconnect):
        answer = problem(
            refused.status,
            refused.code,
            refused.detail,
            fields=refused.fields,
            retry_after=refused.retry_after,
        )
        await socket.send_denial_response(answer)
