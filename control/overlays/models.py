"""What the overlay routes answer."""

from pydantic import Field

from control.models import AnswerModel
from control.playback.models import Watched
from weir.foundation.http.routing import shown_once


class OverlayKey(AnswerModel):
    """`url` is that of the chat; `viewers`, `alerts` and `reactions` in the place of `chat` are the others."""

    key: str | None = shown_once()
    url: str | None = shown_once()


class OverlaySession(AnswerModel):
    """`user_token` reads the channel by Socket.IO; ask for another session before it ends."""

    stream: Watched
    channel: str
    user_token: str
    viewers: int | None = Field(description="null while the counts can't be read")
    expires_in: int
