"""What lists can be filtered by, the same everywhere: a span of time, an order, `metadata[name]=value`, a
text."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import AwareDatetime, Field

from weir.foundation.documents import Between, Doc, Sieve
from weir.foundation.http.routing import Paging
from weir.foundation.texts import Metadata

Ordered = Literal["asc", "desc"]
LATEST_MS = 253_402_300_799_999


class Spanned(Paging):
    """`since` ≤ the time that the list is sorted by < `until`. `order`: `desc` begins with the newest."""

    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    order: Ordered = "desc"

    def span(self) -> Between:
        return Between(ms_of(self.since), ms_of(self.until))

    @property
    def descending(self) -> bool:
        return self.order == "desc"

    def where(self, *names: str) -> dict[str, Any]:
        """Those of these filters that were given."""
        return {name: value for name in names if (value := getattr(self, name, None)) is not None}


class Searched(Spanned):
    """`q` is a part of the name or title, in small or capital letters. `metadata[name]=value` finds what
    carries exactly this."""

    maps: ClassVar[frozenset[str]] = frozenset({"metadata"})
    q: str | None = Field(None, min_length=1, max_length=100)
    metadata: Metadata | None = None

    def sieve(self, *texts: str, noted_in: str = "metadata") -> Sieve[Any] | None:
        """`texts` are the fields that `q` searches, `noted_in` the one that holds the metadata."""
        return sieve(self.q, texts, self.metadata, noted_in)


def sieve(
    q: str | None, texts: Sequence[str], metadata: Mapping[str, str] | None, noted_in: str = "metadata"
) -> Sieve[Any] | None:
    """None when there is nothing to search for."""
    if not q and not metadata:
        return None
    wanted, noted = (q or "").casefold(), dict(metadata or {})

    def keeps(doc: Doc) -> bool:
        named = not wanted or any(wanted in (doc.get(name) or "").casefold() for name in texts)
        return named and noted.items() <= (doc.get(noted_in) or {}).items()

    return Sieve(repr((wanted, sorted(noted.items()))), keeps)


def ms_of(time: datetime | None) -> int | None:
    """Milliseconds in the range that documents hold: 0 for times before 1970, the last millisecond of 9999
    for times that an offset moves beyond it."""
    return min(max(round(time.timestamp() * 1000), 0), LATEST_MS) if time is not None else None
