"""What the watch routes answer."""

from typing import Literal

from pydantic import Field

from control.models import AnswerModel

WatchState = Literal["idle", "starting", "live", "interrupted", "recorded"]


class Watched(AnswerModel):
    id: str
    playback_id: str
    title: str
    state: WatchState
    visibility: Literal["public", "signed"]
    live_since: str | None
    previews: bool | None = None
    ended: str | None = Field(description="When the newest broadcast ended.")
    sound_alone: bool = Field(description="The newest broadcast has no picture of its own.")


class WatchedStream(AnswerModel):
    """Of a signed stream everything but `playback_id` and `visibility` is null for those who show no token."""

    id: str | None
    playback_id: str
    title: str | None
    state: WatchState | None
    visibility: Literal["public", "signed"]
    live_since: str | None
    previews: bool | None = None
    ended: str | None = Field(description="When the newest broadcast ended.")
    sound_alone: bool | None = Field(description="The newest broadcast has no picture of its own.")
    recording: str | None = Field(
        description="After a broadcast of a public stream: the id under which its recording is watched."
    )
    viewers: int | None


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
