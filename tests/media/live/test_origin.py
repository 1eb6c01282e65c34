"""The origin's answers, asked as an ASGI server would."""

import asyncio
import json
from pathlib import Path
from typing import Any

from media.ffmpeg.fmp4 import InitSegment, Track
from media.ffmpeg.part_reader import EncodedPart
from media.ffmpeg.segmenter import CutPart
from media.hls.segment_files import SegmentFiles
from media.ladder.delivery_options import DeliveryOptions
from media.ladder.rules import BroadcastShape, Rendition, cadence
from media.live.origin import Origin
from media.live.packager import Packager
from tests.support.chat_nodes import eventually
from weir.foundation.ids import new_id
from weir.foundation.settings import Settings

PLAYBACK = new_id("ply")
INIT = InitSegment(b"init", (Track(1, "video", 30000, "avc1.64001e", (640, 360), (0, 0, 0)),))


def piece(number: int) -> EncodedPart:
    return EncodedPart(
        CutPart(
            number // 6,
            number % 6,
            10,
            number % 6 == 0,
            number % 6 == 5,
            (number + 1) / 3,
            (b"part%d" % number,),
        ),
        (INIT,),
    )


class Desk:
    """An origin over one packager."""

    def __init__(self, tmp_path: Path) -> None:
        files = SegmentFiles(Settings(data_dir=tmp_path / "d", live_dir=tmp_path / "l"), PLAYBACK)
        self.packager = Packager(files, "brd_1", DeliveryOptions(1 / 3, 2.0, 12, 0), b"s" * 32)
        self.packager.open()
        shape = BroadcastShape((Rendition(360, (640, 360), 800_000),), cadence(30, 1 / 3, 2))
        self.run, self.fed = self.packager.begin_run(1, shape), 0
        self.run.id, self.run.epoch_s = "run", 0.0
        self.origin = Origin({PLAYBACK: self.packager}.get, lambda _, name: files.read(name))

    async def feed(self, parts: int) -> None:
        for _ in range(parts):
            await self.packager.add_part(self.run, piece(self.fed))
            self.fed += 1

    async def get(self, path: str, method: str = "GET") -> tuple[int, dict[bytes, bytes], bytes]:
        path, _, query = path.partition("?")
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            raise AssertionError("the origin reads no bodies")

        scope = {
            "type": "http",
            "method": method,
            "root_path": "/origin",
            "path": f"/origin/{path}",
            "query_string": query.encode(),
        }
        await self.origin(scope, receive, send)
        return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]

    async def holds(self, count: int) -> None:
        """Returns when so many requests wait for something that is not there yet."""
        await eventually(lambda: sum(map(len, self.packager._waiters.values())) == count)

    @property
    def base(self) -> int:
        assert self.packager.timeline is not None
        return self.packager.timeline.segments[0].msn


async def test_a_stream_that_is_starting_says_try_again(tmp_path: Path) -> None:
    """Known but not playable yet is 503 with Retry-After, not 404."""
    desk = Desk(tmp_path)
    status, headers, body = await desk.get(f"{PLAYBACK}/master.m3u8")
    assert (status, headers[b"retry-after"], json.loads(body)["code"]) == (503, b"1", "unavailable")


async def test_names_outside_the_folder_are_unknown(tmp_path: Path) -> None:
    """Paths, foreign ids and odd names never reach the file system."""
    desk = Desk(tmp_path)
    await desk.feed(6)
    for path in (
        f"{PLAYBACK}/../x.m4s",
        f"{PLAYBACK}/a/b.m4s",
        f"{PLAYBACK}/index.jsonl",
        "ply_1/master.m3u8",
        "",
        f"{PLAYBACK}/v360.m3u8.new",
        f"{PLAYBACK}/%2e%2e.mp4",
    ):
        status, headers, body = await desk.get(path)
        assert (status, headers[b"content-type"]) == (404, b"application/problem+json"), path
        assert json.loads(body)["code"] == "not_found"
    assert (await desk.get(f"{PLAYBACK}/master.m3u8", "POST"))[0] == 405


async def test_headers_fit_the_content(tmp_path: Path) -> None:
    """Playlists are never stored, files never change; HEAD has no body."""
    desk = Desk(tmp_path)
    await desk.feed(6)
    _, headers, body = await desk.get(f"{PLAYBACK}/v360.m3u8")
    assert (headers[b"content-type"], headers[b"cache-control"]) == (
        b"application/vnd.apple.mpegurl",
        b"no-store",
    )
    assert int(headers[b"content-length"]) == len(body)
    _, headers, body = await desk.get(f"{PLAYBACK}/init_run_v360.mp4")
    assert (headers[b"content-type"], body) == (b"video/mp4", b"init")
    assert b"immutable" in headers[b"cache-control"]
    assert (await desk.get(f"{PLAYBACK}/v360.m3u8", "HEAD"))[2] == b""


async def test_a_blocking_reload_answers_with_the_part_it_waited_for(tmp_path: Path) -> None:
    """Held until (msn, part) is listed; an index after the segment's end means the next segment's first
    part."""
    desk = Desk(tmp_path)
    await desk.feed(8)
    msn = desk.base + 1
    asked = [
        f"_HLS_msn={msn}&_HLS_part=2",
        f"_HLS_msn={msn}",
        f"_HLS_msn={msn}&_HLS_part=6",
        f"_HLS_msn={msn + 1}&_HLS_part=0",
    ]
    held = [asyncio.create_task(desk.get(f"{PLAYBACK}/v360.m3u8?{query}")) for query in asked]
    await desk.holds(len(held))
    assert not any(task.done() for task in held)
    await desk.feed(1)
    assert f"_{msn}_2.m4s".encode() in (await held[0])[2]
    await desk.feed(3)
    assert f"s_run_v360_{msn}.m4s".encode() in (await held[1])[2]
    assert not held[2].done()
    await desk.feed(1)
    assert [(await task)[0] for task in held] == [200] * 4


async def test_nonsense_in_a_reload_is_400(tmp_path: Path) -> None:
    """Bad numbers and positions too far ahead."""
    desk = Desk(tmp_path)
    await desk.feed(6)
    for query in (
        "_HLS_msn=-1",
        "_HLS_msn=",
        "_HLS_msn=1e3",
        "_HLS_part=1",
        f"_HLS_msn={desk.base + 4}",
        "_HLS_msn=%31%30x",
        f"_HLS_msn={'9' * 30}",
    ):
        status, _, body = await desk.get(f"{PLAYBACK}/v360.m3u8?{query}")
        assert (status, json.loads(body)["code"]) == (400, "invalid"), query


async def test_a_standing_stream_answers_503_after_three_targets(tmp_path: Path, monkeypatch: Any) -> None:
    """No request waits for ever."""
    monkeypatch.setattr("media.live.origin.HELD_TARGETS", 0.02)
    desk = Desk(tmp_path)
    await desk.feed(6)
    status, headers, _ = await desk.get(f"{PLAYBACK}/v360.m3u8?_HLS_msn={desk.base + 1}")
    assert (status, headers[b"retry-after"]) == (503, b"1")


async def test_the_hinted_part_is_held_and_others_are_not(tmp_path: Path) -> None:
    """A held part is answered the moment it exists; when its encoder has died, the answer is 404."""
    desk = Desk(tmp_path)
    await desk.feed(6)
    hinted = f"{PLAYBACK}/p_run_v360_{desk.base + 1}_0.m4s"
    held = asyncio.create_task(desk.get(hinted))
    assert (await desk.get(f"{PLAYBACK}/p_run_v360_{desk.base + 1}_3.m4s"))[0] == 404
    assert (await desk.get(f"{PLAYBACK}/p_old_v360_{desk.base + 1}_0.m4s"))[0] == 404
    await desk.holds(1)
    assert not held.done()
    await desk.feed(1)
    assert (await held)[2] == b"part6"
    dying = asyncio.create_task(desk.get(f"{PLAYBACK}/p_run_v360_{desk.base + 1}_1.m4s"))
    await desk.holds(1)
    desk.packager.end_run(desk.run)
    assert (await dying)[0] == 404
