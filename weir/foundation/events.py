"""The catalogue of events that rooms publish to each other over the bus, and the shapes of the public stream
events among them.

Each class says who publishes and who consumes it. Unknown fields are forbidden: an undeclared field is a
bug of the publisher and fails there, not in a consumer. The id of an event about an entity is derived from
(entity, transition number), so publishing it twice has the effect of publishing it once.
"""

from typing import Annotated, Any, ClassVar, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from weir.foundation.clock import now_ms
from weir.foundation.ids import new_id


class Event(BaseModel):
    """`id` evt_…, `at` milliseconds since the epoch, `app` the tenant (empty for the installation itself)."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    public: ClassVar[bool] = False
    ephemeral: ClassVar[bool] = False
    bulk: ClassVar[bool] = False

    id: str = Field(default_factory=lambda: new_id("evt"))
    at: int = Field(default_factory=now_ms)
    app: str

    def to_public(self) -> dict[str, Any]:
        """Its data as the public API shows it, besides id, type and time."""
        return self.model_dump(
            mode="json",
            exclude={"id", "at", "app", "type", "generation", "source", "gone"},
            exclude_none=True,
        )


class StreamEvent(Event):
    """The fields of every event about a stream. `broadcast` spans reconnects within the grace; `generation`
    counts its publishes from 1; `playback` is the public id: the RTMP name after the rename and the name
    in every HLS path."""

    stream: str
    playback: str
    channel: str
    broadcast: str
    generation: int


class PublishStarted(StreamEvent):
    """An encoder was admitted. Control → media, which starts its FFmpeg."""

    type: Literal["stream.publish.started"] = "stream.publish.started"


class PublishDone(StreamEvent):
    """The encoder disconnected; the grace begins. Control → media, which stops pulling and keeps the
    playlists open."""

    type: Literal["stream.publish.done"] = "stream.publish.done"


class Playable(StreamEvent):
    """The first segments of this generation can be played. Media → control, the owner of the stream's state."""

    type: Literal["media.playable"] = "media.playable"
    width: int
    height: int
    sound_alone: bool = False


class MediaFailed(StreamEvent):
    """Media gave up on this generation (crash loop, unusable codec). `flooded`: its publisher is
    disconnected, because it costs ingest time of all others. `silent`: it has sent nothing yet, and is used
    as soon as it does. Media → control."""

    type: Literal["media.failed"] = "media.failed"
    reason: str
    flooded: bool = False
    silent: bool = False


class StreamStarting(StreamEvent):
    """Control → realtime (channel), the app's log."""

    public: ClassVar[bool] = True
    type: Literal["stream.starting"] = "stream.starting"


class StreamLive(StreamEvent):
    """Exactly once a broadcast. Control → realtime (channel), the app's log."""

    public: ClassVar[bool] = True
    type: Literal["stream.live"] = "stream.live"


class StreamStalled(StreamEvent):
    """The encoder disconnected; the grace begins. Control → realtime, the app's log."""

    public: ClassVar[bool] = True
    type: Literal["stream.stalled"] = "stream.stalled"


class StreamResumed(StreamEvent):
    """The encoder is back within the grace and plays again. Control → realtime, the app's log."""

    public: ClassVar[bool] = True
    type: Literal["stream.resumed"] = "stream.resumed"


class StreamOffline(StreamEvent):
    """The broadcast has ended; exactly once, also when it never played. Control → media (ENDLIST), realtime,
    the app's log."""

    public: ClassVar[bool] = True
    type: Literal["stream.offline"] = "stream.offline"
    gone: int | None = None


class StreamError(StreamEvent):
    """Control → realtime, the app's log: nothing plays now, and why."""

    public: ClassVar[bool] = True
    type: Literal["stream.error"] = "stream.error"
    reason: str


class ThumbnailReady(StreamEvent):
    """The stream has a picture, with its playlists under this name; it is made anew every few seconds. Once a
    publish. Media → realtime, the app's log."""

    public: ClassVar[bool] = True
    type: Literal["thumbnail.ready"] = "thumbnail.ready"
    file: str


class QualityDropped(StreamEvent):
    """The machine can't carry the ladder: the rendition of this height is left out, since transcoding fell
    behind (`strain`) or because the other streams left no room when it began (`admission`). Media →
    realtime, the app's log."""

    public: ClassVar[bool] = True
    type: Literal["health.quality.drop"] = "health.quality.drop"
    height: int
    reason: Literal["strain", "admission"] = "strain"


class QualityRecovered(StreamEvent):
    """The rendition of this height is produced again. Media → realtime, the app's log."""

    public: ClassVar[bool] = True
    type: Literal["health.quality.recovered"] = "health.quality.recovered"
    height: int


class RecordingEvent(StreamEvent):
    """The fields of every event about a recording of a broadcast. Media → realtime (channel), the app's log."""

    public: ClassVar[bool] = True
    recording: str


class RecordingStarted(RecordingEvent):
    """What viewers see is recorded from here on."""

    type: Literal["recording.started"] = "recording.started"


class RecordingReady(RecordingEvent):
    """It can be played and downloaded. `size` in bytes of the MP4."""

    type: Literal["recording.ready"] = "recording.ready"
    duration_s: float
    size: int


class RecordingFailed(RecordingEvent):
    """No part of it can be played; `reason` is a sentence."""

    type: Literal["recording.failed"] = "recording.failed"
    reason: str


class RecordingStopped(RecordingEvent):
    """An API caller asked for its end. Media (any worker) → media (the one that records)."""

    public: ClassVar[bool] = False
    type: Literal["recording.stopped"] = "recording.stopped"


class VodEvent(Event):
    """The fields of every event about an uploaded video. `user` is the customer's own id of the uploader."""

    public: ClassVar[bool] = True
    vod: str
    stream: str | None = None
    user: str | None = None


class VodProgress(VodEvent):
    """The share that has been processed, in percent where the file states its duration. Media → realtime."""

    ephemeral: ClassVar[bool] = True
    type: Literal["vod.progress"] = "vod.progress"
    percent: int | None = None
    done_s: float


class VodReady(VodEvent):
    """It can be played and downloaded. `size` in bytes of the MP4. Media → realtime (the app's log), the
    app's log."""

    type: Literal["vod.ready"] = "vod.ready"
    duration_s: float
    size: int


class VodFailed(VodEvent):
    """It can't be shown; `code` is stable, `reason` a sentence. Media → realtime (the app's log), the app's
    log."""

    type: Literal["vod.failed"] = "vod.failed"
    code: Literal["unreadable", "no_video", "too_large", "too_long", "damaged", "transcoder_failed"]
    reason: str


class StorageFull(StreamEvent):
    """The disk is full: the live stream continues, its recording has a gap. `recovered` when there is space
    again. Media → realtime, the app's log."""

    public: ClassVar[bool] = True
    type: Literal["system.notice"] = "system.notice"
    code: Literal["storage_full", "storage_recovered"]
    message: str


class QuotaUsedUp(Event):
    """An app has reached a quota of its plan; once per month and quota. Control → realtime (the app's log),
    the app's log."""

    public: ClassVar[bool] = True
    type: Literal["quota.exceeded"] = "quota.exceeded"
    quota: str
    limit: int


class PlaybackHeartbeat(Event):
    """Viewers whose playback access was just checked: `sessions` = [[channel, session id], …], each good for
    one lease. Control → realtime (occupancy). One message a second and node at most."""

    type: Literal["playback.heartbeat"] = "playback.heartbeat"
    sessions: list[tuple[str, str]]


class ViewersCounted(Event):
    """A broadcast has ended: its peak of concurrent viewers, and the number of sessions that watched.
    Realtime → control."""

    type: Literal["viewers.counted"] = "viewers.counted"
    stream: str
    broadcast: str
    peak: int
    total: int


CAUSED = (
    "arrive, leave: a vehicle or a person came or went; lose: the state is unknown; reserve, release: a reservation's time begins, or "
    "the space is no longer reserved; close, open: maintenance."
)


class PlaceEvent(Event):
    """The fields of every event about a place. `source` is the place or space that it is about, and `number`
    counts its events from 1."""

    public: ClassVar[bool] = True
    place: str
    source: str
    number: int = Field(description="Counts the events of this space, or of this place, from 1 without gaps.")


class SpaceStateChanged(PlaceEvent):
    """A space has a new state; `cause` says why. Realtime → realtime (history, app log), the app's log."""

    type: Literal["space.state.changed"] = "space.state.changed"
    space: int
    state: str
    before: str
    cause: str = Field(description=CAUSED)
    device: str | None = Field(None, description="The device whose reading it was, if it was one.")


class SpaceRemoved(PlaceEvent):
    """A space was removed; its number is not reused. Realtime → realtime, the app's log."""

    type: Literal["space.removed"] = "space.removed"
    space: int


class PlaceFull(PlaceEvent):
    """The last free space was taken. Realtime → realtime, the app's log."""

    type: Literal["place.full"] = "place.full"
    total: int
    occupied: int
    available: int


class PlaceAvailable(PlaceEvent):
    """A full place has a free space again. Realtime → realtime, the app's log."""

    type: Literal["place.available"] = "place.available"
    total: int
    occupied: int
    available: int


class ReservationEvent(PlaceEvent):
    """A reservation of a space, `starts` and `ends` in RFC 3339."""

    reservation: str
    space: int
    starts: str
    ends: str


class ReservationCreated(ReservationEvent):
    """A space is reserved for a time. Realtime → realtime, the app's log."""

    type: Literal["reservation.created"] = "reservation.created"


class ReservationCancelled(ReservationEvent):
    """A reservation was cancelled. Realtime → realtime, the app's log."""

    type: Literal["reservation.cancelled"] = "reservation.cancelled"


class ReservationExpired(ReservationEvent):
    """Nobody came (`no_show`), or its time ended unused (`ended`). Realtime → realtime, the app's log."""

    type: Literal["reservation.expired"] = "reservation.expired"
    reason: Literal["no_show", "ended"]


class InboundFact(Event):
    """The fields of what came through a source. As many come as partners and sensors send."""

    bulk: ClassVar[bool] = True
    source: str


class InboundEvent(InboundFact):
    """A partner's webhook became an event of this `kind`; `data` is its JSON. Control → realtime, the app's
    log."""

    type: Literal["inbound.event"] = "inbound.event"
    kind: str
    data: str


class InboundReading(InboundFact):
    """A device has reported through a source; `reported` in ms, by its clock. `state` None says nothing about
    occupancy. Control → realtime (places)."""

    type: Literal["inbound.reading"] = "inbound.reading"
    serial: str
    reported: int
    state: Literal["free", "occupied", "unknown"] | None = None
    space: int | None = None
    battery: float | None = None
    rssi: float | None = None
    values: dict[str, int | float | bool | str]


class AppBan(Event):
    """A user is banned from all channels of an app. Realtime → realtime in every process, which closes their
    sockets. `device` and `address` (its keyed hash, which holds for guests who came after `since`) are a
    guest's; `until` in ms, None without an end."""

    type: Literal["app.ban"] = "app.ban"
    user: str
    device: str | None = None
    address: str | None = None
    since: int | None = None
    reason: str = ""
    until: int | None = None


class EventsWanted(Event):
    """A client begins to follow an app's events. Realtime → realtime in every process, which forwards chat
    from now on."""

    type: Literal["events.wanted"] = "events.wanted"


class WebhookDisabled(Event):
    """An endpoint gets nothing more: its receiver answered 410 or failed for five days. `reason` is a sentence.
    Control → realtime (the app's log), the app's log."""

    public: ClassVar[bool] = True
    type: Literal["webhook.disabled"] = "webhook.disabled"
    webhook: str
    url: str
    reason: str


class WebhooksChanged(Event):
    """Endpoints of an app, or their deliveries, have changed. Control → control in every process."""

    type: Literal["webhooks.changed"] = "webhooks.changed"


class DirectoryChanged(Event):
    """Documents that every process caches have changed. Control → foundation.directory in every process."""

    type: Literal["directory.changed"] = "directory.changed"
    collection: str
    key: str


class AuditNoted(Event):
    """An entry of the audit log, stored in the same write as its change. Control → control, in case the
    process that made the change died before it wrote the entry."""

    type: Literal["audit.noted"] = "audit.noted"
    actor: str
    address: str
    request: str
    action: str
    target: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


class AppDeleted(Event):
    """An app is being deleted: every room deletes its data of `app`. May be published again. Control → all
    rooms."""

    type: Literal["app.deleted"] = "app.deleted"


class Revoked(Event):
    """Rights withdrawn. Control → every process: playback decisions and sockets. `subject` is a session, user
    or playback id, or the member's account or the key that tokens were made from; those issued before
    `before` (ms) are void, in every app with `app` ""."""

    type: Literal["access.revoked"] = "access.revoked"
    kind: Literal["session", "user", "stream", "member", "key"]
    subject: str
    before: int


def catalogue() -> list[type[Event]]:
    """Every class above that has a type of its own, in their order."""
    found, waiting = [], [Event]
    while waiting:
        kind = waiting.pop(0)
        waiting += kind.__subclasses__()
        found += [kind] if "type" in kind.model_fields else []
    return found


_ANY: Any = Annotated[Union[tuple(catalogue())], Field(discriminator="type")]  # noqa: UP007 – from a list
_ADAPTER: TypeAdapter[Event] = TypeAdapter(_ANY)


def decode(raw: bytes | str) -> Event:
    """The event in a JSON text. Errors: pydantic.ValidationError for unknown types and fields."""
    return _ADAPTER.validate_json(raw)


def from_dict(data: dict[str, Any]) -> Event:
    """The event in a stored outbox entry."""
    return _ADAPTER.validate_python(data)


def type_of(event: Event | type[Event]) -> str:
    """The dotted name, e.g. `stream.live`."""
    return str(event.type if isinstance(event, Event) else event.model_fields["type"].default)  # type: ignore[attr-defined]
