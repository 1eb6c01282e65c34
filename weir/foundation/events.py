"""The catalogue of facts that one room tells another over the bus, and the shapes of the public stream events
among them.

Each class says who publishes it and who listens. Unknown fields are forbidden: an undeclared field is a
bug of the publisher and fails there, not in a listener at night. The id of a fact about an entity is
derived from (entity, transition number), so telling it twice is telling it once.
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

    id: str = Field(default_factory=lambda: new_id("evt"))
    at: int = Field(default_factory=now_ms)
    app: str

    def to_public(self) -> dict[str, Any]:
        """Its data as the public sees them, beside id, type and time."""
        return self.model_dump(
            mode="json",
            exclude={"id", "at", "app", "type", "generation", "source", "gone"},
            exclude_none=True,
        )


class StreamEvent(Event):
    """What every fact about a stream carries. `broadcast` spans reconnects within the grace; `generation`
    counts its publishes from 1; `playback` is the public id: the RTMP name after the rename and the name
    in every HLS path."""

    stream: str
    playback: str
    channel: str
    broadcast: str
    generation: int


class PublishStarted(StreamEvent):
    """An encoder was let in. Control → media, which starts its FFmpeg."""

    type: Literal["stream.publish.started"] = "stream.publish.started"


class PublishDone(StreamEvent):
    """The encoder has gone; the grace runs. Control → media, which stops pulling and keeps the playlists
    open."""

    type: Literal["stream.publish.done"] = "stream.publish.done"


class Playable(StreamEvent):
    """The first segments of this generation can be played. Media → control, the owner of the stream's state."""

    type: Literal["media.playable"] = "media.playable"
    width: int
    height: int
    sound_alone: bool = False


class MediaFailed(StreamEvent):
    """Media gave up on this generation (crash-loop brake, unusable codec). `flooded`: its publisher costs
    everybody's ingest time, and is sent away. Media → control."""

    type: Literal["media.failed"] = "media.failed"
    reason: str
    flooded: bool = False


class StreamStarting(StreamEvent):
    """Control → realtime (channel), the app's log."""

    public: ClassVar[bool] = True
    type: Literal["stream.starting"] = "stream.starting"


class StreamLive(StreamEvent):
    """Exactly once a broadcast. Control → realtime (channel), the app's log."""

    public: ClassVar[bool] = True
    type: Literal["stream.live"] = "stream.live"


class StreamStalled(StreamEvent):
    """The encoder vanished, the grace runs. Control → realtime, the app's log."""

    public: ClassVar[bool] = True
    type: Literal["stream.stalled"] = "stream.stalled"


class StreamResumed(StreamEvent):
    """The encoder is back within the grace and plays again. Control → realtime, the app's log."""

    public: ClassVar[bool] = True
    type: Literal["stream.resumed"] = "stream.resumed"


class StreamOffline(StreamEvent):
    """The broadcast is over; exactly once, also when it never came to play. Control → media (ENDLIST),
    realtime, the app's log."""

    public: ClassVar[bool] = True
    type: Literal["stream.offline"] = "stream.offline"
    gone: int | None = None


class StreamError(StreamEvent):
    """Control → realtime, the app's log: nothing plays now, and why."""

    public: ClassVar[bool] = True
    type: Literal["stream.error"] = "stream.error"
    reason: str


class ThumbnailReady(StreamEvent):
    """The stream has a picture, beside its playlists under this name; it is made anew every few seconds. Once
    a publish. Media → realtime, the app's log."""

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
    """The rendition of this height is there again. Media → realtime, the app's log."""

    public: ClassVar[bool] = True
    type: Literal["health.quality.recovered"] = "health.quality.recovered"
    height: int


class RecordingEvent(StreamEvent):
    """What every fact about a recording of a broadcast carries. Media → realtime (channel), the app's log."""

    public: ClassVar[bool] = True
    recording: str


class RecordingStarted(RecordingEvent):
    """From here on what viewers see is kept."""

    type: Literal["recording.started"] = "recording.started"


class RecordingReady(RecordingEvent):
    """It can be played and downloaded. `size` in bytes of the MP4."""

    type: Literal["recording.ready"] = "recording.ready"
    duration_s: float
    size: int


class RecordingFailed(RecordingEvent):
    """Nothing of it can be played; `reason` is a sentence."""

    type: Literal["recording.failed"] = "recording.failed"
    reason: str


class RecordingStopped(RecordingEvent):
    """Somebody asked for its end. Media (any worker) → media (the one that records)."""

    public: ClassVar[bool] = False
    type: Literal["recording.stopped"] = "recording.stopped"


class VodEvent(Event):
    """What every fact about an uploaded video carries. `user` is the customer's own id of who uploaded it."""

    public: ClassVar[bool] = True
    vod: str
    stream: str | None = None
    user: str | None = None


class VodProgress(VodEvent):
    """How much of it has been made ready, in percent where the file says how long it is. Media → realtime."""

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
    """The disk takes no more: the live stream goes on, its recording has a gap. `recovered` when there is
    room again. Media → realtime, the app's log."""

    public: ClassVar[bool] = True
    type: Literal["system.notice"] = "system.notice"
    code: Literal["storage_full", "storage_recovered"]
    message: str


class QuotaUsedUp(Event):
    """An app has used up what its plan allows; once a month and quota. Control → realtime (the app's log),
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
    """A broadcast is over: the most viewers at once, and how many different sessions watched. Realtime →
    control."""

    type: Literal["viewers.counted"] = "viewers.counted"
    stream: str
    broadcast: str
    peak: int
    total: int


CAUSED = (
    "arrive, leave: somebody came or went; lose: nothing is known any more; reserve, release: a reservation's time begins, or nothing "
    "holds the space any longer; close, open: maintenance."
)


class PlaceEvent(Event):
    """What every fact about a place carries. `source` is the place or space that tells it and `number` counts
    its facts from 1."""

    public: ClassVar[bool] = True
    place: str
    source: str
    number: int = Field(description="Counts what this space, or this place, has told, from 1 without gaps.")


class SpaceStateChanged(PlaceEvent):
    """A space is in another state; `cause` says by what. Realtime → realtime (history, app log), the app's
    log."""

    type: Literal["space.state.changed"] = "space.state.changed"
    space: int
    state: str
    before: str
    cause: str = Field(description=CAUSED)
    device: str | None = Field(None, description="The device whose reading it was, if it was one.")


class SpaceRemoved(PlaceEvent):
    """A space is no more; its number is not given again. Realtime → realtime, the app's log."""

    type: Literal["space.removed"] = "space.removed"
    space: int


class PlaceFull(PlaceEvent):
    """No space is free any more. Realtime → realtime, the app's log."""

    type: Literal["place.full"] = "place.full"
    total: int
    occupied: int
    available: int


class PlaceAvailable(PlaceEvent):
    """After it was full, a space is free. Realtime → realtime, the app's log."""

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
    """A reservation was taken back. Realtime → realtime, the app's log."""

    type: Literal["reservation.cancelled"] = "reservation.cancelled"


class ReservationExpired(ReservationEvent):
    """Nobody came (`no_show`), or its time ended unused (`ended`). Realtime → realtime, the app's log."""

    type: Literal["reservation.expired"] = "reservation.expired"
    reason: Literal["no_show", "ended"]


class AppBan(Event):
    """Somebody is shut out of all channels of an app. Realtime → realtime in every process, which closes
    their sockets. `device` and `address` (what stands for it, and holds for those who came first `since`
    then) are of a guest; `until` in ms, None for good."""

    type: Literal["app.ban"] = "app.ban"
    user: str
    device: str | None = None
    address: str | None = None
    since: int | None = None
    reason: str = ""
    until: int | None = None


class EventsWanted(Event):
    """Somebody begins to follow an app's events. Realtime → realtime in every process, which carries chat
    from now on."""

    type: Literal["events.wanted"] = "events.wanted"


class DirectoryChanged(Event):
    """Documents that every process caches have changed. Control → foundation.directory in every process."""

    type: Literal["directory.changed"] = "directory.changed"
    collection: str
    key: str


class AuditNoted(Event):
    """An entry of the audit log, in the same write as its change. Control → control, where the process that
    made the change has not written the entry down."""

    type: Literal["audit.noted"] = "audit.noted"
    actor: str
    address: str
    request: str
    action: str
    target: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


class AppDeleted(Event):
    """An app is being deleted: every room deletes what it keeps of `app`, and may be told again. Control →
    all rooms."""

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
