"""Four streams of two small rungs for a long time: nothing grows, nothing is left over, nothing is missing."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.battery.conftest import Figures, Scale
from tests.battery.show import OnAir, zombies
from tests.e2e.publisher import Publisher
from tests.e2e.watching import look
from tests.support.servers import wait_until

STREAMS, LOOK_S, SETTLED = 4, 2.0, 0.3
MOST_GROWTH_MB = 30
MOST_CONNECTIONS = 70
"""Of Redis: the application's pool of 50, subscriptions and links of their own, and files. A pool keeps what
it has opened, so it grows with each moment at which more was asked at once than ever before; what it has
is counted apart from what may leak."""


def memory_mb(pid: int) -> float:
    """Of one process, what is its own."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Private_")) / 1024


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_a_long_day(scale: Scale, figures: Figures) -> None:
    """Memory and descriptors of the application stay flat, its pool of connections to Redis keeps its bound,
    no zombie, and every playlist has every segment."""
    air = OnAir(LADDER="[180,90]", RECORDING="false")
    publishers: list[Publisher] = []
    try:
        playlists = [begun(air, number, publishers) for number in range(STREAMS)]
        seen: list[dict[int, str]] = [{} for _ in playlists]
        measured: list[tuple[float, int, int]] = []
        pid, redis, ends, most_dead = (
            air.application(),
            air.stack.pid_of("redis-server"),
            time.monotonic() + scale.soak_s,
            0,
        )
        while time.monotonic() < ends:
            for playlist, known in zip(playlists, seen, strict=True):
                known |= {
                    number: file for number, (file, _) in look(air.show.text(playlist)).segments.items()
                }
            pooled = open_files(redis)
            measured.append((memory_mb(pid), open_files(pid) - pooled, pooled))
            most_dead = max(most_dead, zombies(air.stack.pid))
            time.sleep(LOOK_S)
        gaps = sum(max(known) - min(known) + 1 - len(known) for known in seen)
        settled = measured[int(len(measured) * SETTLED) :]
        third = max(1, len(settled) // 3)
        first, last = settled[:third], settled[-third:]
        growth_mb, more_files, more_pooled = (
            mean([row[one] for row in last]) - mean([row[one] for row in first]) for one in range(3)
        )
        figures(
            seconds=scale.soak_s, segments=sum(map(len, seen)), gaps=gaps, zombies=most_dead, memory_mb=round(settled[-1][0]),
            grown_mb=round(growth_mb, 1), files=settled[-1][1], more_files=round(more_files, 1), redis_files=settled[-1][2],
            more_redis_files=round(more_pooled, 1),
        )  # fmt: skip
        assert air.application() == pid
        assert (gaps, most_dead) == (0, 0)
        assert growth_mb < MOST_GROWTH_MB
        assert abs(more_files) < STREAMS  # each may have a connection to the ingest open
        assert max(pooled for _, _, pooled in measured) <= MOST_CONNECTIONS
    finally:
        for publisher in publishers:
            publisher.stop()
        air.close()


def begun(air: OnAir, number: int, publishers: list[Publisher]) -> str:
    """The path of a new stream's playlist, with its encoder on air."""
    made: Any = air.stack.ask("POST", "/v1/streams", {"title": f"Stream {number}"}, air.member)[1]
    publishers.append(air.show.publish(made["key"], size="320x180", seconds=3600))
    token = air.show.tokens.mint_playback(made["playback_id"], air.show.app, "soak", 7200)
    path = f"/hls/{token}/{made['playback_id']}/v90.m3u8"  # the lowest rung is never left out
    wait_until(lambda: "#EXTINF" in air.show.text(path), "the playlist", 40)
    return path


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
