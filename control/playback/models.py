"""What the watch routes answer."""

from typing import Literal

from pydantic import Field

from control.models import AnswerModel, Planned, StreamLink

WatchState = Literal["idle", "starting", "live", "interrupted", "recorded"]


class FollowWays(AnswerModel):
    """How a visitor may be told when the stream begins."""

    email: bool
    push: bool


class Watched(AnswerModel):
    """Of a recording the title and the description are its own, where it has them."""

    id: str
    playback_id: str
    title: str
    description: str
    category: str
    tags: list[str]
    streamer: str = Field(description="Who streams.")
    avatar: str
    links: list[StreamLink]
    schedule: list[Planned] = Field(
        description="Announced broadcasts that are still to come, the next one first."
    )
    poster: str | None = Field(
        description="Where its picture is, if one was kept; of a signed stream with `?token=`. null before the first broadcast."
    )
    duration_s: float | None = Field(description="Of a recording.")
    follow: FollowWays
    state: WatchState
    visibility: Literal["public", "signed"]
    live_since: str | None
    previews: bool | None = None
    ended: str | None = Field(description="When the newest broadcast ended.")
    sound_alone: bool = Field(description="The newest broadcast has no picture of its own.")


class RecordedOf(AnswerModel):
    """The stream that a recording was made of."""

    playback_id: str
    title: str


class WatchedStream(AnswerModel):
    """Of a signed stream everything but `playback_id` and `visibility` is null for those who show no token."""

    id: str | None
    playback_id: str
    title: str | None
    description: str | None
    category: str | None
    tags: list[str] | None
    streamer: str | None
    avatar: str | None
    links: list[StreamLink] | None
    schedule: list[Planned] | None = Field(
        description="Announced broadcasts that are still to come, the next one first."
    )
    poster: str | None = Field(
        description="Where its picture is, if one was kept; of a signed stream with `?token=`. null before the first broadcast."
    )
    duration_s: float | None = Field(description="Of a recording.")
    follow: FollowWays | None
    state: WatchState | None
    visibility: Literal["public", "signed"]
    live_since: str | None
    previews: bool | None = None
    ended: str | None = Field(description="When the newest broadcast ended.")
    sound_alone: bool | None = Field(description="The newest broadcast has no picture of its own.")
    recording: str | None = Field(
        description="After a broadcast of a public stream: the id under which its recording is watched."
    )
    of: RecordedOf | None = Field(description="Of a recording: its stream, if that is public.")
    viewers: int | None


class WatchedRecording(AnswerModel):
    """`id` is what it is watched under."""

    id: str
    title: str
    description: str
    started: str
    duration_s: float | None
    poster: str


class Oembed(AnswerModel):
    """oembed.com. The thumbnail's size is the largest that it has."""

    version: Literal["1.0"]
    type: Literal["video"]
    title: str
    author_name: str
    provider_url: str
    cache_age: int
    thumbnail_url: str
    thumbnail_width: int
    thumbnail_height: int
    html: str
    width: int
    height: int


class Person(AnswerModel):
    id: str
    name: str


class Renewed(AnswerModel):
    """`access_ends`: the token can't be renewed beyond that moment; null when it can."""

    playback_token: str
    playback_ttl_s: int
    access_ends: str | None


class WatchSession(Renewed):
    channel: str
    stream: Watched
    part_s: float
    user_token: str | None
    user: Person | None
    device: str | None = Field(
        description="Of a guest: to be kept and sent along, so that it is known as the same one."
    )
