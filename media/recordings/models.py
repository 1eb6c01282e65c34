"""What the recording routes ask and answer."""

from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, Field

from media.recordings.store import NOTED
from weir.foundation.clock import format_time, rfc3339
from weir.foundation.http.listing import Searched
from weir.foundation.http.routing import Body, shown_once
from weir.foundation.tenancy.collections import RecordingDoc
from weir.foundation.texts import Line, Metadata, Text

State = Literal["recording", "uploading", "processing", "ready", "failed"]


class NewRecordingToken(Body):
    """`sid` is the viewing session that revocations name, `user` the customer's own user id (formerly `uid`)."""

    sid: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,64}$")
    user: str | None = Field(None, max_length=128, validation_alias=AliasChoices("user", "uid"))
    ttl_s: int | None = Field(None, ge=60, le=86400)


class RecordingChange(Body):
    """Only what is given changes; null takes a field back to its default. `visibility` decides who may watch:
    `public` anybody, `signed` those with a token, null as its stream (and an upload of no stream is
    signed). It counts within seconds, also for those who watch."""

    title: Line | None = Field(None, max_length=200)
    description: Text | None = Field(None, max_length=2000)
    visibility: Literal["public", "signed"] | None = None
    metadata: Metadata | None = None


class RecordingFilter(Searched):
    """By the time of the start."""

    stream: str | None = Field(None, max_length=64)
    state: State | None = None


class Recording(BaseModel):
    """A recorded broadcast, or an uploaded video. `size` of the MP4 in bytes; what is known only at the end
    is null before. `renditions` are heights, highest first. Of a video: `progress` in percent while it is
    processed, and a stable `code` when it has failed."""

    id: str
    source: Literal["broadcast", "upload"]
    stream: str | None
    broadcast: str | None
    title: str
    description: str
    visibility: Literal["public", "signed"] | None
    metadata: dict[str, str]
    state: State
    progress: int | None
    waits_for: Literal["uploads", "live"] | None = Field(
        description="Of a video that is to be processed: other uploads come first, or live streams need the machine."
    )
    files_before: int | None = Field(
        description="How many uploads come before it; null when it does not wait for them."
    )
    started: str
    ended: str | None
    duration_s: float | None
    size: int | None
    width: int | None
    height: int | None
    renditions: list[int]
    code: str | None
    reason: str | None


class PlaybackAccess(BaseModel):
    """Addresses that hold the token: a playlist, the MP4, a poster, and WebVTT with pictures for seeking."""

    token: str | None = shown_once()
    sid: str
    expires_in: int
    url: str | None = shown_once()
    mp4_url: str | None = shown_once()
    poster_url: str | None = shown_once()
    previews_url: str | None = shown_once()


def _waits_for(recording: RecordingDoc, before: int) -> str | None:
    if recording["state"] != "processing":
        return None
    return "uploads" if before else "live" if recording.get("held") else None


def shown(recording: RecordingDoc, before: int = 0) -> dict[str, Any]:
    """A recording as its app sees it. `before`: how many uploads are processed before it."""
    return {
        "id": recording["id"],
        "source": recording.get("source", "broadcast"),
        "stream": recording.get("stream"),
        "broadcast": recording.get("broadcast"),
        "title": recording["title"],
        "description": recording.get("description", ""),
        "visibility": recording.get("visibility"),
        "metadata": recording.get(NOTED) or {},
        "state": recording["state"],
        "progress": recording.get("progress"),
        "waits_for": _waits_for(recording, before),
        "files_before": before or None,
        "code": recording.get("code"),
        "started": rfc3339(recording["started"]),
        "ended": format_time(recording.get("ended")),
        "duration_s": recording.get("duration_s"),
        "size": recording.get("size"),
        "width": recording.get("width"),
        "height": recording.get("height"),
        "renditions": recording.get("heights", []),
        "reason": recording.get("reason"),
    }
