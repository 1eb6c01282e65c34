"""Eyes on a live playlist: what a player may rely on, checked at every look."""

import re
import threading
from dataclasses import dataclass, field

from tests.e2e.conftest import Show

Position = tuple[int, int]


@dataclass(frozen=True)
class Look:
    """`position` is (media sequence number, parts) of the newest segment. `segments`: number → (file,
    PROGRAM-DATE-TIME)."""

    position: Position
    first: int
    passed: int
    discontinuities: int
    segments: dict[int, tuple[str, str]]


def look(playlist: str) -> Look:
    def number(tag: str) -> int:
        found = re.search(rf"#EXT-X-{tag}:(\d+)", playlist)
        assert found, playlist
        return int(found[1])

    first, passed, at, parts = number("MEDIA-SEQUENCE"), number("DISCONTINUITY-SEQUENCE"), "", 0
    segments: dict[int, tuple[str, str]] = {}
    for line in playlist.splitlines():
        if line.startswith("#EXT-X-PROGRAM-DATE-TIME:"):
            at, parts = line, 0
        elif line.startswith("#EXT-X-PART:"):
            parts += 1
        elif line.endswith(".m4s") and not line.startswith("#"):
            segments[first + len(segments)] = (line, at)
            parts = 0
    return Look(
        (first + len(segments), parts), first, passed, playlist.count("#EXT-X-DISCONTINUITY\n"), segments
    )


@dataclass
class Eyes:
    """Looks five times a second from a thread. `breaches` are sentences; `looked` counts answers,
    `unanswered` the rest."""

    show: Show
    playlist: str
    breaches: list[str] = field(default_factory=list)
    looked: int = 0
    unanswered: int = 0
    last: Look | None = None

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._known: dict[int, tuple[str, str]] = {}
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(15)

    @property
    def position(self) -> Position:
        return self.last.position if self.last else (0, 0)

    @property
    def ruptures(self) -> int:
        """Discontinuities since the beginning of the broadcast."""
        return self.last.passed + self.last.discontinuities if self.last else 0

    def _run(self) -> None:
        while not self._stop.wait(0.2):
            text = self.show.text(self.playlist)
            if not text:
                self.unanswered += 1
                continue
            try:
                self._compare(look(text))
            except Exception as error:
                self.breaches.append(f"unreadable: {error!r}")
            self.looked += 1

    def _compare(self, now: Look) -> None:
        before, self.last = self.last, now
        if before is not None:
            for name in ("position", "first", "passed"):
                if getattr(now, name) < getattr(before, name):
                    self.breaches.append(
                        f"{name} went back from {getattr(before, name)} to {getattr(now, name)}"
                    )
        for number, segment in now.segments.items():
            if self._known.setdefault(number, segment) != segment:
                self.breaches.append(f"segment {number} was {self._known[number]} and became {segment}")
