"""Videos that people upload, through the web server, with the official tus client and in the studio."""

import base64
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.e2e.browsing import OUTPUT, Viewer
from tests.e2e.conftest import Show
from tests.e2e.studio import to_stream
from tests.media.live.test_live import played
from tests.media.recordings.test_tracks import two_of_each
from tests.support.running_stack import ROOT
from tests.support.servers import wait_until
from weir.foundation.ids import new_id

NODE = shutil.which(
    "node", path=f"{ROOT / '.setup/node/bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
)
SECONDS, RATE = 8, 25


def film(path: Path, *, seconds: int = SECONDS, bit_rate: str = "2M") -> Path:
    subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=size=640x360:rate={RATE}:duration={seconds}", "-f", "lavfi",
         "-i", f"sine=duration={seconds}", "-c:v", "libx264", "-preset", "ultrafast", "-b:v", bit_rate, "-minrate", bit_rate, "-maxrate",
         bit_rate, "-bufsize", bit_rate, "-pix_fmt", "yuv420p", "-c:a", "aac", str(path)], check=True,
    )  # fmt: skip
    return path


@pytest.fixture
def uploading(make_stack) -> tuple[Show, dict[str, str]]:
    show: Show = make_stack(LADDER="[360,240]", VOD_PRESET="ultrafast", LIMITS='{"member": 100000}')
    return show, show.member()


def stream_of(show: Show) -> str:
    return str(show.stack.get(f"/v1/watch/{show.playback}")[1]["id"])


class Sender:
    """The client as a process; `safe` are the offsets that it received."""

    def __init__(self, **given: Any) -> None:
        assert NODE is not None
        argv = [
            NODE,
            str(Path(__file__).with_name("upload.mjs")),
            json.dumps({"player": str(ROOT / "player"), **given}),
        ]
        self._process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        self.url, self.safe, self.done = "", 0, False

    def hear(self) -> None:
        """The next thing that it says."""
        assert self._process.stdout is not None
        told = json.loads(self._process.stdout.readline())
        assert "error" not in told, told
        self.url, self.safe, self.done = (
            told.get("url", self.url),
            told.get("safe", self.safe),
            told.get("done", False),
        )

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.mark.skipif(NODE is None, reason="Node is missing")
def test_an_upload_survives_the_deaths_of_the_server(uploading, tmp_path: Path) -> None:
    """The application is killed with -9 five times in the middle: no offset that the client received is ever
    taken back, the file arrives byte by byte, and plays frame by frame under a token alone."""
    show, member = uploading
    source, chance = film(tmp_path / "film.mp4"), random.Random(3)
    status, made = show.stack.ask(
        "POST", "/v1/upload-tokens", {"user": "ann", "stream": stream_of(show)}, member
    )
    assert status == 201
    about = {
        "endpoint": f"http://127.0.0.1:{show.stack.http}/v1/vod",
        "token": made["token"],
        "metadata": {"title": "Film"},
    }
    sender = Sender(**about, file=str(source), chunk=20_000)
    try:
        while not sender.safe:
            sender.hear()
        video = sender.url.rsplit("/", 1)[1]
        received = tmp_path / "received"
        os.link(
            show.stack.folder / "var/uploads" / video / "video", received
        )  # the same bytes, whatever becomes of the name
        size, deaths = source.stat().st_size, 0
        while not sender.done:
            if deaths < 5 and sender.safe > size * (deaths + chance.random()) / 6:
                os.kill(show.stack.pid_of("weir run"), signal.SIGKILL)
                wait_until(lambda: show.stack.ready, "the application again", 30)
                assert offset_of(show, sender.url, made["token"]) >= sender.safe
                deaths += 1
            sender.hear()
    finally:
        sender.close()
    assert (deaths, sender.url.rsplit("/", 1)[1]) == (5, video)
    assert hashlib.sha256(received.read_bytes()).digest() == hashlib.sha256(source.read_bytes()).digest()
    wait_until(lambda: recording(show, member, video)["state"] == "ready", "the video", 60)
    assert recording(show, member, video)["renditions"] == [360, 240]
    status, access = show.stack.ask("POST", f"/v1/recordings/{video}/playback-tokens", {}, member)
    assert status == 201
    assert played(access["url"], 60)["video"] == pytest.approx(SECONDS * RATE, abs=1)
    path = access["url"].partition("/hls/")[2].partition("/")[2]
    for token in (show.token(), show.tokens.mint_playback(video, new_id("app"), "s", 600), "-"):
        assert show.stack.get(f"/hls/{token}/{path}")[0] == 403


def offset_of(show: Show, url: str, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}", "Tus-Resumable": "1.0.0"}
    request = urllib.request.Request(url, headers=headers, method="HEAD")
    with urllib.request.urlopen(request, timeout=10) as reply:
        return int(reply.headers["Upload-Offset"])


def recording(show: Show, member: dict[str, str], video: str) -> dict[str, Any]:
    return dict(show.stack.ask("GET", f"/v1/recordings/{video}", headers=member)[1])


def test_a_video_without_a_stream(uploading, tmp_path: Path) -> None:
    """It is taken in one request, and its page opens with a token only."""
    show, member = uploading
    body = film(tmp_path / "film.mp4", seconds=3).read_bytes()
    title = base64.b64encode("Nur für uns".encode()).decode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{show.stack.http}/v1/vod", body, {
            **member, "Tus-Resumable": "1.0.0", "Upload-Length": str(len(body)), "Upload-Metadata": f"title {title}",
            "Content-Type": "application/offset+octet-stream",
        }, method="POST",
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=20) as reply:
        video = json.loads(reply.read())["id"]
    wait_until(lambda: recording(show, member, video)["state"] == "ready", "the video", 60)
    assert show.stack.ask("POST", f"/v1/watch/{video}/session", {})[0] == 403
    token = show.stack.ask("POST", f"/v1/recordings/{video}/playback-tokens", {}, member)[1]["token"]
    status, session = show.stack.ask("POST", f"/v1/watch/{video}/session", {"token": token})
    assert (status, session["stream"]["title"], session["stream"]["state"]) == (
        201,
        "Nur für uns",
        "recorded",
    )
    assert show.stack.get(f"/hls/{session['playback_token']}/{video}/master.m3u8")[0] == 200


def test_the_studio_uploads(uploading, browser: Browser, tmp_path: Path) -> None:
    """Chosen by hand or dropped; the bar moves, the line may break and the page may be closed, and what comes
    out plays."""
    show, _ = uploading
    large, broken = film(tmp_path / "Harbour at night.mp4", bit_rate="8M"), tmp_path / "notes.mp4"
    broken.write_text("no film at all")
    studio = Viewer(browser, show.card["watch"].replace(f"/watch/{show.playback}", "/studio"))
    page = studio.page
    page.fill("input[type=email]", "o@w.example")
    page.fill("input[type=password]", "a long password")
    page.keyboard.press("Enter")
    to_stream(page, "Recordings")
    page.wait_for_selector("[data-testid=upload-file]", state="attached")
    slow = page.context.new_cdp_session(page)
    slow.send("Network.enable")

    def throttle(bytes_per_s: int, offline: bool = False) -> None:
        slow.send(
            "Network.emulateNetworkConditions",
            {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_s},
        )

    def sent() -> float:
        bar = page.locator("[data-testid=transfer] progress")
        return float(bar.first.evaluate("bar => bar.value / bar.max")) if bar.count() else -1

    throttle(1_500_000)
    page.set_input_files("[data-testid=upload-file]", large)
    wait_until(lambda: 0.05 < sent() < 0.9, "a bar that moves", 20)
    page.screenshot(path=OUTPUT / "studio-upload.png", full_page=True)
    page.click("[data-testid=transfer] >> text=Pause")
    page.wait_for_selector("[data-testid=transfer][data-state=paused]")
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    page.locator("section[aria-label=Recordings]").screenshot(path=OUTPUT / "studio-upload-phone.png")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.set_viewport_size({"width": 1280, "height": 800})
    page.reload()
    page.wait_for_selector("[data-testid=recording][data-state=uploading]")
    page.set_input_files("[data-testid=upload-file]", large)
    page.wait_for_selector("[data-testid=transfer]")
    wait_until(lambda: sent() > 0.05, "the place where it was", 10)
    page.set_input_files("[data-testid=upload-file]", broken)
    page.wait_for_selector("[data-testid=recording][data-state=failed]", timeout=40_000)
    throttle(-1)
    page.wait_for_selector("[data-testid=recording][data-state=ready]", timeout=60_000)
    page.screenshot(path=OUTPUT / "studio-uploads.png", full_page=True)
    page.emulate_media(color_scheme="light")
    page.screenshot(path=OUTPUT / "studio-uploads-light.png", full_page=True)
    ready = page.locator("[data-testid=recording][data-state=ready]")
    assert "Harbour at night.mp4" in ready.inner_text()
    href = ready.locator("a").get_attribute("href")
    assert studio.errors == []
    studio.close()
    viewer = Viewer(browser, f"http://127.0.0.1:{show.stack.http}{href}")
    wait_until(lambda: viewer.seconds_played() > 1, "the picture", 30)
    assert viewer.errors == []
    viewer.close()


CHOOSE = """(url) => new Promise((done, failed) => {
  const video = document.querySelector('video'), hls = new Hls({}), seen = {texts: [], sounds: []};
  const ask = () => {
    if (video.currentTime > 1.2 && hls.audioTrack === 0 && !seen.asked) {
      seen.asked = true; seen.at = video.currentTime; hls.audioTrack = 1; hls.subtitleTrack = 0;
    }
    const cues = [...video.textTracks].flatMap((track) => [...(track.cues ?? [])]).map((cue) => cue.text);
    if (seen.asked && hls.audioTrack === 1 && cues.length > 0 && video.currentTime > seen.at + 2.5) {
      clearInterval(timer); done({...seen, cues, played: video.currentTime, fatal: seen.fatal ?? null});
    }
  };
  const timer = setInterval(ask, 100);
  hls.on(Hls.Events.MANIFEST_PARSED, () => video.play());
  hls.on(Hls.Events.ERROR, (_event, data) => { if (data.fatal) failed(data.details); });
  hls.on(Hls.Events.AUDIO_TRACKS_UPDATED, (_event, data) => { seen.sounds = data.audioTracks.map((one) => [one.name, one.lang]); });
  hls.on(Hls.Events.SUBTITLE_TRACKS_UPDATED, (_event, data) => { seen.texts = data.subtitleTracks.map((one) => [one.name, one.lang]); });
  hls.loadSource(url); hls.attachMedia(video);
})"""


def test_hls_js_offers_sounds_and_texts(uploading, browser: Browser, tmp_path: Path) -> None:
    """An uploaded film with two of each: another sound and a subtitle are chosen in mid-play, the picture
    continues, the words appear."""
    show, member = uploading
    data = two_of_each(tmp_path, "a.mkv", "srt", seconds=12)
    named = base64.b64encode(b"a.mkv").decode()
    headers = {
        **member, "Tus-Resumable": "1.0.0", "Upload-Length": str(len(data)), "Upload-Metadata": f"filename {named}",
        "Content-Type": "application/offset+octet-stream",
    }  # fmt: skip
    request = urllib.request.Request(f"{show.stack.address}/v1/vod", data, headers, method="POST")
    with urllib.request.urlopen(request) as reply:
        video = reply.headers["Location"].rsplit("/", 1)[1]

    def ready() -> bool:
        return bool(show.stack.ask("GET", f"/v1/recordings/{video}", headers=member)[1]["state"] == "ready")

    wait_until(ready, "the video", 60)
    token = show.stack.ask("POST", f"/v1/recordings/{video}/playback-tokens", {}, member)[1]["token"]
    viewer = Viewer(browser, f"{show.stack.address}/docs", bypass_csp=True)
    viewer.page.set_content("<video muted playsinline width=640></video>")
    viewer.page.add_script_tag(path=ROOT / "player/node_modules/hls.js/dist/hls.min.js")
    seen = viewer.page.evaluate(CHOOSE, f"{show.stack.address}/hls/{token}/{video}/master.m3u8")
    assert seen["sounds"] == [["English", "en"], ["Der Ton#EXT-X-ENDLIST", "de"]]
    assert [lang for _, lang in seen["texts"]] == ["fr", "ja"]
    assert seen["cues"] == ["Bonjour"]
    viewer.page.screenshot(path=OUTPUT / "choices.png")
    viewer.close()
