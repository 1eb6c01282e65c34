"""The base of the control room's answers, and the shapes that several of them share: the models that
openapi.json shows. A test holds the answers against them."""

from collections.abc import Awaitable, Callable, Sequence

from pydantic import BaseModel, ConfigDict

from weir.foundation.clock import rfc3339
from weir.foundation.tenancy.collections import PlannedDoc

Viewers = Callable[[str], Awaitable[int]]
"""How many watch a channel now. Errors: Unavailable."""


class AnswerModel(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StreamLink(AnswerModel):
    label: str
    url: str


class Planned(AnswerModel):
    """A broadcast that is announced."""

    starts_at: str
    title: str


def shown_schedule(schedule: Sequence[PlannedDoc], since: int = 0) -> list[dict[str, str]]:
    """As the API shows it: what begins at `since` (ms) or later."""
    return [
        {"starts_at": rfc3339(one["starts_at"]), "title": one["title"]}
        for one in schedule
        if one["starts_at"] >= since
    ]
