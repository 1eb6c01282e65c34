"""Usage and broadcasts as the API shows them."""

from pydantic import Field

from control.models import AnswerModel


class Broadcast(AnswerModel):
    id: str
    stream: str
    started: str
    ended: str | None
    live_s: int
    peak_viewers: int | None
    viewers: int | None = Field(description="different sessions")
    minutes_watched: float
    trouble: str | None = Field(description="Why nothing could be made of a publish.")


class Figures(AnswerModel):
    """What was used. `storage_bytes` is not added up: it is the last value of a day, and in a total that of
    the newest day."""

    bytes: int = Field(description="sent to viewers")
    recording_bytes: int = Field(description="of them from recordings")
    requests: int
    viewers: int = Field(description="different viewing sessions of a day")
    messages: int
    minutes_watched: float
    minutes_published: float
    storage_bytes: int


class Day(AnswerModel):
    day: str


class AnalyticsDay(Figures, Day):
    """The day first, as in the table."""


class Analytics(Figures):
    stream: str
    days: list[AnalyticsDay]


class AppUsage(Figures):
    app: str
    days: list[AnalyticsDay]
