"""What the stream routes answer."""

from typing import Literal

from pydantic import Field

from control.models import AnswerModel, Planned, StreamLink
from weir.foundation.http.routing import shown_once


class Stream(AnswerModel):
    id: str
    title: str
    description: str
    playback_id: str
    channel: str
    state: Literal["idle", "starting", "live", "interrupted"]
    broadcast: str | None
    visibility: Literal["public", "signed"]
    profile: str | None
    recording: bool | None
    latency: str
    priority: str
    dvr_s: int
    encrypted: bool
    max_viewers: int | None
    reconnect_grace_s: float | None = Field(description="null: as the installation has it.")
    metadata: dict[str, str]
    category: str
    tags: list[str]
    streamer: str = Field(description="Who streams, as viewers read it.")
    avatar: str
    links: list[StreamLink]
    schedule: list[Planned] = Field(description="Announced broadcasts, the next one first.")
    clips: bool = Field(description="Viewers may make clips.")
    overlay: bool = Field(description="There is a link for overlays.")
    trouble: str | None = Field(
        description="Why nothing could be made of the newest publish; null when it was well."
    )
    sound_alone: bool = Field(description="The newest broadcast has no picture of its own.")
    live_since: str | None
    created: str
    viewers: int | None = Field(description="null while the counts can't be read")
    followers: int = Field(description="Who have confirmed that they want to know when it begins.")
    server: str
    watch_url: str


class NewStreamShown(Stream):
    key: str | None = shown_once()


class StreamKey(AnswerModel):
    server: str
    key: str | None = shown_once()
    disconnected: bool | None = None


class Disconnected(AnswerModel):
    disconnected: bool


class Token(AnswerModel):
    token: str | None = shown_once()
    sid: str | None = None
    expires_in: int
    url: str | None = shown_once()


class UserTokenShown(AnswerModel):
    token: str | None = shown_once()
    expires_in: int


class Revoked(AnswerModel):
    revoked: dict[str, str]
