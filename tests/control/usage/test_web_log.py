"""The usage ledger: every line once, whatever dies in between."""

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.composition import build_services
from control.usage import web_log
from control.usage.ledger import Ledger
from control.usage.web_log import parse, whole_buckets
from weir.foundation.ids import new_id
from weir.foundation.services import Services
from weir.foundation.tenancy.collections import STREAMS

NOW = 1_700_000_000


@pytest.fixture
async def stream(services: Services) -> Any:
    doc: Any = {
        "id": new_id("str"),
        "playback": new_id("ply"),
        "channel": new_id("chn"),
        "state": "idle",
        "transition": 0,
        "created": 1,
    }
    return await services.store.app(new_id("app")).insert(STREAMS, doc)


@pytest.fixture
def log(services: Services) -> Path:
    folder = services.settings.data / "usage"
    folder.mkdir()
    return folder / "web.log"


def line(stream: Any, second: float, session: str, sent: int) -> str:
    return f"{second:.3f}\t{stream['playback']}\t{session}\t{sent}\t200\n"


async def total(services: Services, stream: Any) -> tuple[int, float]:
    answer = await Ledger(services.store).of_stream(stream)
    return answer["bytes"], answer["minutes_watched"]


async def test_lines_become_bytes_and_minutes(services: Services, stream: Any, log: Path) -> None:
    """Two viewers for 20 s each: 40 s watched; nonsense and unknown streams are passed over."""
    lines = [line(stream, NOW + second, session, 100) for second in range(20) for session in ("a", "b")]
    log.write_text(
        "".join(lines)
        + "nonsense\n"
        + f"{NOW}\tply_unknown\ts\t5\t200\n"
        + f"{NOW}\t{stream['playback']}\t\t5\t200\n"
    )
    await build_services(services).web_log.collect()
    assert await total(services, stream) == (4000, round(40 / 60, 2))


def test_who_was_refused_has_watched_nothing() -> None:
    """The bytes of a refusal were sent; a viewer is who got something."""
    sums = parse(
        [f"{NOW}.0\tply_1\ts{status}\t100\t{status}\n".encode() for status in (200, 206, 304, 403, 404, 503)]
    )
    (sent,) = sums.values()
    assert (sent.bytes, sent.requests) == (600, 6)
    assert {session for session, _ in sent.buckets} == {"s200", "s206", "s304"}


async def test_nothing_is_counted_twice(services: Services, stream: Any, log: Path) -> None:
    """Collecting again changes nothing; new lines add up."""
    log.write_text(line(stream, NOW, "a", 10))
    for _ in range(3):
        await build_services(services).web_log.collect()
    with log.open("a") as file:
        file.write(line(stream, NOW + 30, "a", 5))
    await build_services(services).web_log.collect()
    assert (await total(services, stream))[0] == 15


async def test_a_ledger_that_dies_in_the_middle_counts_right(
    services: Services, stream: Any, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies at every possible step in turn; the next one finishes the batch without counting it twice."""
    monkeypatch.setattr(web_log, "MAX_BATCH_BYTES", 400)
    dice = random.Random(4)
    sent = [dice.randrange(1000) for _ in range(40)]
    log.write_text("".join(line(stream, NOW + number, "a", size) for number, size in enumerate(sent)))
    budget = 0

    class Died(Exception):
        pass

    def mortal(verb):
        async def dying(*args, **options):
            nonlocal budget
            if budget == 0:
                raise Died
            budget -= 1
            return await verb(*args, **options)

        return dying

    finished = False
    for lives in range(200):
        ledger = build_services(services).web_log
        monkeypatch.setattr(ledger._all, "update", mortal(ledger._all.update), raising=False)
        ledger._ledger.add = mortal(ledger._ledger.add)
        budget = lives % 7
        try:
            await ledger.collect()
        except Died:
            continue
        finally:
            monkeypatch.undo()
            monkeypatch.setattr(web_log, "MAX_BATCH_BYTES", 400)
        finished = True
        break
    assert finished
    assert (await total(services, stream))[0] == sum(sent)


async def test_rotated_files_are_read_to_their_end_and_removed(
    services: Services, stream: Any, log: Path
) -> None:
    """Oldest first, none twice, none forgotten."""
    log.write_text(line(stream, NOW, "a", 1))
    await build_services(services).web_log.collect()
    with log.open("a") as file:
        file.write(line(stream, NOW + 20, "a", 2))
    log.rename(log.with_name("web.log.000000000000001"))
    log.write_text(line(stream, NOW + 40, "a", 4))
    for _ in range(3):
        await build_services(services).web_log.collect()
    assert (await total(services, stream))[0] == 7
    assert [path.name for path in log.parent.iterdir()] == ["web.log"]


LINES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 10**9)), max_size=30)


@given(LINES, st.integers(0, 200), st.integers(0, 8))
def test_a_cut_chunk_loses_no_line(made: list[tuple[int, int]], cut: int, bucket: int) -> None:
    """Whatever is cut off is a suffix that comes again; no bucket is split."""
    text = "".join(f"{second}.0\tply_1\ts\t{size}\t200\n" for second, size in sorted(made)).encode()
    chunk = text[: max(0, len(text) - cut)]
    kept = whole_buckets(chunk, bucket)
    assert chunk.startswith(kept)
    assert kept == b"" or kept.endswith(b"\n")
    assert all(int(float(one.split(b"\t")[0])) // 10 < bucket - 1 for one in kept.splitlines())


@given(st.lists(st.binary(max_size=80), max_size=10))
def test_no_line_breaks_the_parser(lines: list[bytes]) -> None:
    """Bytes of any kind."""
    parse(lines)
