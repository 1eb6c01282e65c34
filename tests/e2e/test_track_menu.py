"""The sounds and subtitles of a video, to choose from in the watch page."""

import base64
import json
import subprocess
import urllib.request
from pathlib import Path

from playwright.sync_api import Browser

from tests.e2e.conftest import Show
from tests.support.servers import wait_until

SRT = "1\n00:00:00,000 --> 00:00:08,000\nHello\n"


def film(folder: Path) -> bytes:
    """Eight seconds with two sounds and German subtitles."""
    (folder / "s.srt").write_text(SRT)
    subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=8", "-f", "lavfi", "-i",
         "sine=duration=8", "-f", "lavfi", "-i", "sine=220:duration=8", "-i", str(folder / "s.srt"), "-map", "0", "-map", "1", "-map", "2",
         "-map", "3", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-c:s", "mov_text",
         "-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu", "-metadata:s:s:0", "language=deu",
         str(folder / "film.mp4")], check=True,
    )  # fmt: skip
    return (folder / "film.mp4").read_bytes()


def test_sound_and_subtitles_are_chosen_by_keyboard(make_stack, browser: Browser, tmp_path: Path) -> None:
    """The menu has a sound each and the subtitles, and the chosen ones play."""
    show: Show = make_stack(VOD_PRESET="ultrafast")
    member, body = show.member(), film(tmp_path)
    title = base64.b64encode(b"Two sounds").decode()
    headers = {
        **member,
        "Tus-Resumable": "1.0.0",
        "Upload-Length": str(len(body)),
        "Upload-Metadata": f"title {title}",
        "Content-Type": "application/offset+octet-stream",
    }
    request = urllib.request.Request(f"{show.stack.address}/v1/vod", body, headers, method="POST")
    with urllib.request.urlopen(request, timeout=20) as reply:
        video = json.loads(reply.read())["id"]
    wait_until(
        lambda: show.stack.ask("GET", f"/v1/recordings/{video}", headers=member)[1]["state"] == "ready",
        "the video",
        60,
    )
    token = show.stack.ask("POST", f"/v1/recordings/{video}/playback-tokens", {}, member)[1]["token"]
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{show.stack.address}/watch/{video}#token={token}")
    page.wait_for_selector("[data-testid=tracks-button]", timeout=40_000)
    page.focus("[data-testid=tracks-button]")
    page.keyboard.press("Enter")
    options = page.locator("[aria-label='Sound and subtitles'] [role=menuitemradio]")
    assert options.count() == 4
    page.locator("[data-height=sound-1]").focus()
    page.keyboard.press("Enter")
    page.click("[data-testid=tracks-button]")
    page.wait_for_selector("[data-height=sound-1][aria-checked=true]")
    page.click("[data-height=subtitles-0]")
    shown = "[...document.querySelector('video').textTracks].some(one => one.mode === 'showing')"
    wait_until(lambda: page.evaluate(shown), "the subtitles")
    context.close()
