"""Playing through the web nginx: tokens, plain HLS players, blocking reload, usage."""

import csv
import gzip
import io
import json
import re
import subprocess
import time
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.e2e.conftest import Show
from tests.support.servers import wait_until
from weir.foundation.ids import new_id
from weir.foundation.tenancy.tokens import LEEWAY_S


def bad_tokens(show: Show) -> dict[str, str]:
    good = show.token()
    return {
        "forged": good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB"),
        "expired": show.token(ttl=-LEEWAY_S - 1),
        "foreign": show.tokens.mint_playback(new_id("ply"), show.app, "s", 600),
        "another app's": show.tokens.mint_playback(show.playback, new_id("app"), "s", 600),
        "a user's": show.tokens.mint_user("u", show.app, "n", 600),
        "missing": "-",
    }


def test_only_the_right_token_plays(live: Show) -> None:
    """Forged, expired, foreign and missing tokens get 403 for playlists, parts, segments and init files."""
    files = live.files()
    for kind, name in files.items():
        assert live.stack.get(live.url(name))[0] == 200, kind
        for why, token in bad_tokens(live).items():
            assert live.stack.get(live.url(name, token))[0] == 403, (kind, why)
        assert live.stack.get(f"/hls/{live.playback}/{name}")[0] == 403
    for path in (
        "/hls/",
        f"/hls/{live.token()}/",
        f"/hls/{live.token()}/{live.playback}/../../x",
        f"/hls/{live.token()}/{live.playback}/index.jsonl",
    ):
        assert live.stack.get(path)[0] in (400, 403, 404), path
    for path in ("/internal/hls_access", "/internal/card", "/origin/x/master.m3u8", "/internal/rtmp/publish"):
        assert live.stack.ask("POST", path, {})[0] in (404, 405), path


def test_a_withdrawn_session_stops_within_ten_seconds(live: Show) -> None:
    """Revoked by API: playlists, parts and segments answer 403; another session plays on."""
    member = live.member()
    sid = new_id("ses")
    token = live.token(sid)
    assert live.stack.get(live.url(token=token))[0] == 200
    began = time.monotonic()
    assert live.stack.ask("POST", "/v1/revocations", {"session": sid}, member)[0] == 201
    wait_until(lambda: live.stack.get(live.url(token=token))[0] == 403, "the refusal", 10)
    assert live.stack.get(live.url(live.files()["segment"], token))[0] == 403
    assert live.stack.get(live.url())[0] == 200, time.monotonic() - began


def test_a_token_that_ends_is_refused_in_time(live: Show) -> None:
    """nginx keeps a decision no longer than the token lives."""
    token = live.token(ttl=-LEEWAY_S + 3)
    assert live.stack.get(live.url(token=token))[0] == 200
    wait_until(lambda: live.stack.get(live.url(token=token))[0] == 403, "the refusal", 10)


def test_blocking_reload_waits_for_the_part(live: Show) -> None:
    """Asked for the next part, the playlist comes when that part exists; nonsense is refused at once."""
    playlist = live.renditions()[0]
    text = live.text(playlist)
    sequence = int(re.search(r"MEDIA-SEQUENCE:(\d+)", text)[1]) + text.count("#EXTINF")  # type: ignore[index]
    parts = text.rsplit("#EXTINF", 1)[-1].count("#EXT-X-PART:")
    answer = live.text(f"{playlist}?_HLS_msn={sequence}&_HLS_part={parts}")
    assert f"_{sequence}_{parts}.m4s" in answer
    for query in (f"_HLS_msn={sequence + 9}&_HLS_part=0", "_HLS_msn=x", "_HLS_msn=-1", "_HLS_part=1"):
        assert live.stack.get(f"{playlist}?{query}")[0] == 400, query


def probe(url: str) -> dict[str, str]:
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-of", "json", "-show_streams", "-read_intervals", "%+4", "-count_frames", url],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return {stream["codec_type"]: stream["nb_read_frames"] for stream in json.loads(done.stdout)["streams"]}


def test_ffmpeg_plays_it_as_plain_hls(live: Show) -> None:
    """The same playlist without low-latency tags' help: video and audio frames come out."""
    frames = probe(f"http://127.0.0.1:{live.stack.http}{live.url()}")
    assert int(frames["video"]) >= 60
    assert int(frames["audio"]) >= 60


def test_mpv_plays_it_as_plain_hls(live: Show) -> None:
    """A desktop player that knows nothing of low latency plays three seconds."""
    done = subprocess.run(
        ["mpv", "--no-config", "--vo=null", "--ao=null", "--untimed", "--length=3", "--msg-level=all=warn,cplayer=info",
         f"http://127.0.0.1:{live.stack.http}{live.url()}"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-500:]
    assert "Video" in done.stdout


def test_the_ledger_counts_what_was_sent(make_stack) -> None:
    """Bytes by API are within 2 % of what the only clients received, those of the recording by themselves
    too; sessions and messages are counted one by one, what is stored is there, and the table says the
    same."""
    show: Show = make_stack(RECONNECT_GRACE_S=1, LADDER="[240]")
    publisher, member = show.publish(), owner_of(show)
    try:
        show.wait_state("live")
        for sid in range(8):
            token = show.token(f"s{sid % 3}")
            for name in (*show.files().values(), "master.m3u8"):
                assert show.stack.get(show.url(name, token))[0] == 200
        wait_until(
            lambda: len(show.text(show.renditions()[0]).split("#EXTINF")) > 4, "some seconds of it", 40
        )
    finally:
        publisher.stop()
    live = show.stack.received

    def recordings() -> list[dict[str, Any]]:
        return list(show.stack.ask("GET", "/v1/recordings", headers=member)[1]["data"])

    wait_until(lambda: recordings()[0]["state"] == "ready", "the recording", 40)
    answer = show.stack.ask("POST", f"/v1/recordings/{recordings()[0]['id']}/playback-tokens", {}, member)[1]
    mp4 = answer["mp4_url"][answer["mp4_url"].index("/hls/") :]
    for _ in range(3):
        assert show.stack.get(mp4)[0] == 200
    of_recording, received = show.stack.received - live, show.stack.received
    for number in range(5):
        message = {"user": {"id": "ann"}, "text": "hello", "cid": f"c{number % 3}"}
        assert show.stack.ask("POST", f"/v1/channels/{show.channel}/messages", message, member)[0] in (
            200,
            201,
        )

    def settled() -> bool:
        shown = analytics(show)
        counted = (
            abs(shown["bytes"] - received) <= received * 0.02
            and abs(shown["recording_bytes"] - of_recording) <= of_recording * 0.02
        )
        return counted and shown["messages"] == 3

    # Sums over days may be asked for sixty times a minute.
    wait_until(settled, "the ledger's sum", 60, every_s=1.5)
    shown = analytics(show)
    assert shown["minutes_watched"] > 0
    assert (
        4 <= shown["viewers"] <= 5
    )  # three who watched, who took the recording home, and the test's own session
    table = show.stack.ask("GET", f"/v1/streams/{stream_of(show)}/analytics?format=csv", headers=member)[1]
    (day,) = csv.DictReader(io.StringIO(table.decode() if isinstance(table, bytes) else str(table)))
    assert {name: float(value) for name, value in day.items() if name != "day"} == {
        name: float(value) for name, value in shown["days"][0].items() if name != "day"
    }


def stream_of(show: Show) -> str:
    return str(show.stack.get(f"/v1/watch/{show.playback}")[1]["id"])


def analytics(show: Show) -> dict[str, Any]:
    status, answer = show.stack.ask("GET", f"/v1/streams/{stream_of(show)}/analytics", headers=owner_of(show))
    assert status == 200, answer
    return dict(answer)


def owner_of(show: Show) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {show.tokens.mint('weir:app', 600, sub='acc_test', app=show.app, role='owner')}"
    }


def test_playlists_are_packed_when_asked_for(live: Show) -> None:
    """The same text in a fraction of the bytes; for players that do not ask, as it is. Made once a part for
    all of them."""
    path = live.renditions()[0]
    with urllib.request.urlopen(
        urllib.request.Request(live.stack.address + path, headers={"Accept-Encoding": "gzip"})
    ) as reply:
        packed = reply.read()
        assert reply.headers["Content-Encoding"] == "gzip"
        assert reply.headers["Content-Type"] == "application/vnd.apple.mpegurl"
    text = gzip.decompress(packed).decode()
    assert text.startswith("#EXTM3U\n")
    assert len(packed) < len(text) / 2
    with urllib.request.urlopen(live.stack.address + path) as reply:
        assert reply.headers["Content-Encoding"] is None


def test_players_on_other_pages_may_ask(live: Show) -> None:
    """A preflight is answered for every kind of file, a refusal is readable and says what it is."""
    files = [live.renditions()[0], *(live.url(name) for name in live.files().values()), live.url()]
    for path in files:
        request = urllib.request.Request(
            live.stack.address + path, method="OPTIONS", headers={"Origin": "https://shop.example"}
        )
        with urllib.request.urlopen(request) as reply:
            assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (204, "*"), path
            assert "Range" in reply.headers["Access-Control-Allow-Headers"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(live.stack.address + live.url(token="a.b." + "c" * 43))
    assert (refused.value.code, refused.value.headers["Content-Type"]) == (403, "application/problem+json")
