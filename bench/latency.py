"""Glass-to-glass latency in Chromium: Weir's watch page against FFmpeg's own HLS muxer, on the same publish
in one run.

An encoder publishes a picture that carries the wall clock as a barcode (bench/barcode.py) over real RTMP;
a page reads it back from the presented frames, so a latency is one subtraction on one clock. The encoder
and RTMP are included, the screen is not. The peer is FFmpeg's `hls` muxer with 2 s segments and the same
encoder settings, played by hls.js tuned for low delay (three seconds behind, catching up at 1.5×). Where
there is a `mediamtx` on PATH, it is another: the same encoder publishes to it, and a page of hls.js as it
comes plays its low-latency HLS, and Weir's (`normal` and `low`) in turn.

    python -m bench.latency [--json] [--seconds 300] [--other-seconds 30] [--modes]

JSON keys: p50_s p95_s stalls first_frame_s (Weir), the same with peer_ in front, ratio_vs_ffmpeg_hls = p95
÷ peer's p95; `plain`: the same figures in a page of hls.js as it comes, by server; with --modes also
`modes`: the same figures of each other way in which a stream can be delivered, and of the web server's own
choices.
"""

import argparse
import asyncio
import contextlib
import functools
import http.server
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright
from rich.console import Console
from rich.table import Table

from bench.barcode import READER_JS
from tests.e2e.conftest import Show
from tests.e2e.publisher import Publisher
from tests.support.running_stack import RunningStack
from tests.support.servers import free_port, self_signed, wait_until
from weir.foundation.redis.client import connect_redis, disconnect
from weir.foundation.redis.play_tickets import PlayTickets
from weir.foundation.settings import Settings
from weir.foundation.vault import open_vault

ROOT = Path(__file__).resolve().parents[1]
SETTLE_S = 10
CHROMIUM = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip
PLAIN_PAGE = """<!doctype html><title>plain</title><video muted playsinline width=640></video><script src=hls.min.js></script><script>
const video = document.querySelector('video'), hls = new Hls();
hls.on(Hls.Events.MANIFEST_PARSED, () => video.play());
hls.loadSource(location.hash.slice(1)); hls.attachMedia(video);
</script>"""
MEDIAMTX = """
rtmpAddress: 127.0.0.1:{rtmp}
hlsAddress: 127.0.0.1:{hls}
hlsVariant: lowLatency
hlsAlwaysRemux: yes
rtsp: no
webrtc: no
srt: no
paths: {{ live: {{}} }}
"""
PEER_PAGE = """<!doctype html><title>peer</title><video muted playsinline width=640></video><script src=hls.min.js></script><script>
const video = document.querySelector('video');
const hls = new Hls({liveSyncDuration: 3, maxLiveSyncPlaybackRate: 1.5});
hls.on(Hls.Events.MANIFEST_PARSED, () => video.play());
hls.loadSource('live.m3u8'); hls.attachMedia(video);
</script>"""


def watch(browser: Browser, url: str, selector: str, seconds: float) -> dict[str, float]:
    """Opens the page, lets it settle, and reads its frames for so many seconds."""
    page = browser.new_context(viewport={"width": 1280, "height": 800}, ignore_https_errors=True).new_page()
    began = time.time()
    page.goto(url)
    page.wait_for_selector(selector)
    page.evaluate(READER_JS, selector)
    wait_until(
        lambda: page.evaluate("window.__frames.length") > 0, "the first frame", 60
    )  # the page's CSP forbids wait_for_function
    first = page.evaluate("window.__frames[0][0]") / 1000 - began
    time.sleep(SETTLE_S)
    settled = page.evaluate("() => { window.__waits.length = 0; return window.__frames.length }")
    time.sleep(seconds)
    frames, waits, bad = page.evaluate("[window.__frames, window.__waits.length, window.__undecodable]")
    page.context.close()
    late = sorted((shown - made) / 1000 for shown, made in frames[settled:])
    if len(late) < seconds * 15:
        raise SystemExit(f"Only {len(late)} frames were read from {url}; {bad} were undecodable.")
    return {
        "p50_s": round(statistics.median(late), 3), "p95_s": round(late[int(len(late) * 0.95)], 3), "max_s": round(late[-1], 3),
        "stalls": waits, "first_frame_s": round(first, 2), "frames": len(late),
    }  # fmt: skip


def ticket(stack: RunningStack, playback: str) -> str:
    """Leave to pull the publish, as a media worker gives it to its FFmpeg."""
    settings = Settings(data_dir=stack.folder / "var", run_dir=stack.run, _env_file=None)

    async def issue() -> str:
        redis = connect_redis(settings, open_vault(settings))
        try:
            return await PlayTickets(redis).issue(playback)
        finally:
            await disconnect(redis)

    with ThreadPoolExecutor(1) as pool:  # Playwright has a loop of its own in this thread
        return pool.submit(asyncio.run, issue()).result()


@contextlib.contextmanager
def peer(pull_url: str, folder: Path) -> Iterator[str]:
    """FFmpeg's HLS muxer on the same publish, and a page of hls.js that plays it."""
    (folder / "peer.html").write_text(PEER_PAGE)
    (folder / "hls.min.js").write_bytes((ROOT / "player/node_modules/hls.js/dist/hls.min.js").read_bytes())
    muxer = subprocess.Popen(
        ["ffmpeg", "-nostdin", "-v", "error", "-i", pull_url, "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency",
         "-g", "60", "-keyint_min", "60", "-sc_threshold", "0", "-c:a", "aac", "-f", "hls", "-hls_time", "2", "-hls_list_size", "6",
         "-hls_flags", "delete_segments+independent_segments", str(folder / "live.m3u8")],
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(QuietHandler, directory=str(folder))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        wait_until(
            lambda: (
                (folder / "live.m3u8").exists() and (folder / "live.m3u8").read_text().count("#EXTINF") >= 3
            ),
            "the peer's list",
            60,
        )
        yield f"http://127.0.0.1:{server.server_port}/peer.html"
    finally:
        server.shutdown()
        muxer.kill()
        muxer.wait()


@contextlib.contextmanager
def plain_page(folder: Path) -> Iterator[str]:
    """A page of hls.js as it comes, which plays the address behind its #."""
    (folder / "plain.html").write_text(PLAIN_PAGE)
    (folder / "hls.min.js").write_bytes((ROOT / "player/node_modules/hls.js/dist/hls.min.js").read_bytes())
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(QuietHandler, directory=str(folder))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/plain.html"
    finally:
        server.shutdown()


def of_mediamtx(browser: Browser, page: str, folder: Path, seconds: float) -> dict[str, float]:
    """Its low-latency HLS as it is by default."""
    rtmp, hls = free_port(), free_port()
    (folder / "mediamtx.yml").write_text(MEDIAMTX.format(rtmp=rtmp, hls=hls))
    server = subprocess.Popen(
        ["mediamtx", str(folder / "mediamtx.yml")], stdout=subprocess.DEVNULL, cwd=folder
    )
    publisher = None
    try:
        wait_until(lambda: _open(rtmp), "mediamtx")
        publisher = Publisher(f"rtmp://127.0.0.1:{rtmp}/live", seconds=int(seconds + 3 * SETTLE_S + 60))
        address = f"http://127.0.0.1:{hls}/live/index.m3u8"
        wait_until(lambda: _answered(address), "mediamtx' playlist", 30)
        return watch(browser, f"{page}#{address}", "video", seconds)
    finally:
        if publisher:
            publisher.stop()
        server.terminate()
        server.wait()


def _open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answered(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def plain(
    show: Show, browser: Browser, folder: Path, seconds: float, console: Console
) -> dict[str, dict[str, float]]:
    """hls.js as it comes, by server. The encoder is the same, and publishes to one at a time."""
    member, found = show.member(), {}
    stream = show.stack.ask("GET", "/v1/streams", headers=member)[1]["data"][0]["id"]
    with plain_page(folder) as page:
        for latency in ("normal", "low"):
            show.wait_state("idle")
            show.stack.ask("PATCH", f"/v1/streams/{stream}", {"latency": latency}, member)
            publisher = show.publish(seconds=int(seconds + 3 * SETTLE_S + 60))
            try:
                show.wait_state("live", 60)
                address = show.stack.address + show.url(token=show.session()["playback_token"])
                found[f"Weir, {latency}"] = watch(browser, f"{page}#{address}", "video", seconds)
            finally:
                publisher.stop()
        if shutil.which("mediamtx") is None:
            console.print("mediamtx is not on PATH: no comparison with it.")
        else:
            found["MediaMTX"] = of_mediamtx(browser, page, folder, seconds)
    show.wait_state("idle")
    show.stack.ask("PATCH", f"/v1/streams/{stream}", {"latency": "normal"}, member)
    return found


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not news here."""


RUNGS = [{"height": height} for height in (360, 240, 180)]
MODES: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "low": ({"latency": "low"}, None),
    "standard": ({"latency": "standard"}, None),
    "encrypted": ({"encrypted": True}, None),
    "DVR of 1 h": ({"dvr_s": 3600}, None),
    "3 rungs": ({}, {"name": "three", "rungs": RUNGS}),
    "copied top": ({}, {"name": "copied", "rungs": RUNGS, "copy_top": True}),
}
"""By name: the stream's settings, and its transcoding profile."""


def modes(show: Show, browser: Browser, seconds: float) -> dict[str, dict[str, float]]:
    """A broadcast of its own for each."""
    member, found = show.member(), {}
    stream = show.stack.ask("GET", "/v1/streams", headers=member)[1]["data"][0]["id"]
    plain = {"latency": "normal", "encrypted": False, "dvr_s": 0, "profile": None}
    for name, (settings, profile) in MODES.items():
        show.wait_state("idle")
        chosen = {**plain, **settings}
        if profile is not None:
            chosen["profile"] = show.stack.ask("POST", "/v1/profiles", profile, member)[1]["id"]
        status, answer = show.stack.ask("PATCH", f"/v1/streams/{stream}", chosen, member)
        assert status == 200, answer
        publisher = show.publish()
        try:
            show.wait_state("live", 60)
            found[name] = watch(browser, show.card["watch"], "[data-testid=video]", seconds)
        finally:
            publisher.stop()
    return found


SERVED: dict[str, dict[str, Any]] = {"TLS, HTTP/2": {}, "TLS, HTTP/2, nchan": {"EDGE": "nchan"}}
"""By name: the web server's settings beside a certificate."""


def served(browser: Browser, seconds: float) -> dict[str, dict[str, float]]:
    """A stack of its own for each way in which the web server may be set up."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="weir-b-") as folder:
        certificate, key = self_signed(Path(folder))
        for name, settings in SERVED.items():
            stack = RunningStack(
                LADDER="[360]", X264_PRESET="ultrafast", TLS_CERTIFICATE=certificate, TLS_KEY=key, **settings
            ).start()
            try:
                show = Show(stack)
                publisher = show.publish()
                try:
                    show.wait_state("live", 60)
                    found[name] = watch(browser, show.card["watch"], "[data-testid=video]", seconds)
                finally:
                    publisher.stop()
            finally:
                stack.remove()
    return found


def measure(seconds: float, other_seconds: float, with_modes: bool) -> dict[str, Any]:
    console = Console(stderr=True)
    stack = RunningStack(LADDER="[360]", X264_PRESET="ultrafast", RECONNECT_GRACE_S=1).start()
    others: dict[str, Any] = {}
    publisher = None
    try:
        card = stack.card()
        playback = card["watch"].rsplit("/", 1)[1]
        on_air_s = int(seconds + other_seconds + 4 * SETTLE_S + 60)
        publisher = Publisher(f"{card['server']}/{card['key']}", seconds=on_air_s)
        wait_until(lambda: stack.get(f"/v1/watch/{playback}")[1]["state"] == "live", "the live stream", 60)
        with sync_playwright() as playwright, tempfile.TemporaryDirectory(prefix="weir-b-") as folder:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
            console.print(f"Weir, {seconds:.0f} s …")
            ours = watch(browser, card["watch"], "[data-testid=video]", seconds)
            console.print(ours)
            console.print(f"FFmpeg's HLS muxer, {other_seconds:.0f} s …")
            with peer(
                f"rtmp://127.0.0.1:{stack.rtmp}/live/{playback}?ticket={ticket(stack, playback)}",
                Path(folder),
            ) as url:
                theirs = watch(browser, url, "video", other_seconds)
            publisher.stop()
            console.print(f"hls.js as it comes, {other_seconds:.0f} s each …")
            others["plain"] = plain(Show(stack), browser, Path(folder), other_seconds, console)
            if with_modes:
                console.print(f"Other ways of delivery, {other_seconds:.0f} s each …")
                others["modes"] = {
                    **modes(Show(stack), browser, other_seconds),
                    **served(browser, other_seconds),
                }
            browser.close()
    finally:
        if publisher:
            publisher.stop()
        stack.remove()
    return {
        **ours,
        **{f"peer_{name}": value for name, value in theirs.items()},
        "ratio_vs_ffmpeg_hls": round(ours["p95_s"] / theirs["p95_s"], 3),
        **others,
    }


def show(figures: dict[str, Any]) -> None:
    table = Table(
        "",
        "p50 s",
        "p95 s",
        "max s",
        "stalls",
        "first frame s",
        title="Glass to glass, 640×360 at 30 frames, loopback",
    )
    for name, prefix in (("Weir (LL-HLS)", ""), ("FFmpeg HLS, 2 s", "peer_")):
        table.add_row(
            name,
            *(str(figures[prefix + key]) for key in ("p50_s", "p95_s", "max_s", "stalls", "first_frame_s")),
        )
    rows = {f"plain hls.js: {name}": row for name, row in figures["plain"].items()}
    rows |= {f"Weir, {name}": row for name, row in figures.get("modes", {}).items()}
    for name, row in rows.items():
        table.add_row(
            name, *(str(row[key]) for key in ("p50_s", "p95_s", "max_s", "stalls", "first_frame_s"))
        )
    Console(stderr=True).print(table)


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--json", action="store_true", help="print one JSON line last on stdout")
    options.add_argument(
        "--seconds", type=float, default=300, help="measured time of Weir: some faults take minutes to show"
    )
    options.add_argument(
        "--other-seconds", type=float, default=30, help="measured time of the peer, and of each mode"
    )
    options.add_argument(
        "--modes",
        action="store_true",
        help="also the other latency modes, encryption, a DVR window and ladders",
    )
    given = options.parse_args()
    figures = measure(given.seconds, given.other_seconds, given.modes)
    show(figures)
    if given.json:
        sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
