"""What a stream's owner tells its viewers besides title and description: a category, tags, who streams, links
and a schedule. The forms in which it is asked, and pure decisions about them."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, Field

from weir.foundation.clock import DAY_MS
from weir.foundation.http.listing import ms_of
from weir.foundation.http.routing import Body
from weir.foundation.tenancy.collections import PlannedDoc
from weir.foundation.texts import HttpsUrl, Line, folded


class LinkGiven(Body):
    label: Line = Field(min_length=1, max_length=40)
    url: HttpsUrl


class PlannedGiven(Body):
    """A broadcast that is announced."""

    starts_at: AwareDatetime
    title: Line = Field("", max_length=140)


def distinct(tags: list[str]) -> list[str]:
    """Tags, of which no two are the same word in small or capital letters. Errors: ValueError."""
    seen = dict[str, str]()
    for tag in tags:
        word = folded(tag)
        if word in seen:
            raise ValueError(f"{seen[word]} and {tag} are the same tag")
        seen[word] = tag
    return tags


Tags = Annotated[
    list[Annotated[Line, Field(min_length=1, max_length=30)]], Field(max_length=10), AfterValidator(distinct)
]
Links = Annotated[list[LinkGiven], Field(max_length=8)]
Schedule = Annotated[list[PlannedGiven], Field(max_length=20)]
Avatar = HttpsUrl | Literal[""]


def stored_schedule(given: Sequence[dict[str, Any]], now: int) -> list[PlannedDoc]:
    """A schedule as the document has it: by time, without what is more than a day past."""
    planned: list[PlannedDoc] = [
        {"starts_at": ms_of(one["starts_at"]) or 0, "title": one["title"]} for one in given
    ]
    return sorted(
        (one for one in planned if one["starts_at"] > now - DAY_MS), key=lambda one: one["starts_at"]
    )
