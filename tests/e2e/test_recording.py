"""A recording, watched after the broadcast."""

import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e.browsing import OUTPUT, VIDEO, Viewer
from tests.e2e.conftest import Show
from tests.e2e.studio import to_stream
from tests.media.live.test_live import played
from tests.media.recordings.test_service import seconds_of
from tests.support.servers import wait_until
from weir.foundation.ids import new_id


@pytest.fixture
def recorded(make_stack, tmp_path: Path):
    """(show, header of its owner, the finished recording)."""
    show: Show = make_stack(RECONNECT_GRACE_S=1, LADDER="[360,240]")
    member = show.member()
    publisher = show.publish()
    show.wait_state("live")

    def recordings() -> list[dict[str, object]]:
        return list(show.stack.ask("GET", "/v1/recordings", headers=member)[1]["data"])

    wait_until(lambda: len(show.text(show.renditions()[0]).split("#EXTINF")) > 8, "some seconds of it", 40)
    assert [one["state"] for one in recordings()] == ["recording"]
    publisher.stop()
    wait_until(lambda: recordings()[0]["state"] == "ready", "the recording", 40)
    return show, member, recordings()[0]


def test_a_recorded_show_plays_with_previews(recorded, browser: Browser, tmp_path: Path) -> None:
    """The page of a recording plays it, shows where one is, and what is at the place that one points at;
    tokens are needed as for live, and the MP4 can be taken home."""
    show, member, recording = recorded
    status, answer = show.stack.ask("POST", f"/v1/recordings/{recording['id']}/playback-tokens", {}, member)
    assert status == 201
    path = answer["url"].partition("/hls/")[2].partition("/")[2]
    mp4 = answer["mp4_url"][answer["mp4_url"].index("/hls/") :]
    for token in (show.token(), show.tokens.mint_playback(recording["id"], new_id("app"), "s", 600), "-"):
        for name in (
            path,
            path.replace("master.m3u8", "recording.mp4"),
            path.replace("master.m3u8", "previews.vtt"),
        ):
            assert show.stack.get(f"/hls/{token}/{name}")[0] == 403, (token, name)
    assert played(answer["url"], 60)["video"] == round(recording["duration_s"] * 30)
    status, body = show.stack.get(mp4)
    assert status == 200
    (tmp_path / "taken.mp4").write_bytes(body)
    assert seconds_of(tmp_path / "taken.mp4") == pytest.approx(recording["duration_s"], abs=0.3)

    viewer = Viewer(browser, show.card["watch"].replace(show.playback, recording["id"]))
    wait_until(lambda: viewer.seconds_played() > 1, "the picture", 30)
    began, played_s = time.monotonic(), viewer.seconds_played()
    viewer.page.wait_for_timeout(5000)
    assert viewer.seconds_played() - played_s < time.monotonic() - began + 0.5, "nobody is taken to the end"
    viewer.until("stream-state", "Recording")
    assert viewer.page.locator("[data-testid=chat-input]").count() == 0
    box = viewer.page.locator("[data-testid=seek]").bounding_box()
    assert box is not None
    viewer.page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 9)
    wait_until(lambda: viewer.page.locator(".seek-picture").count() == 1, "a preview", 10)
    viewer.page.wait_for_load_state("networkidle")
    viewer.page.screenshot(path=OUTPUT / "recording-desktop.png")
    viewer.page.mouse.down()
    viewer.page.mouse.up()
    wait_until(lambda: abs(viewer.seconds_played() - recording["duration_s"] * 0.6) < 4, "the place", 10)
    viewer.page.focus("[data-testid=seek]")
    viewer.page.keyboard.press("Home")
    wait_until(lambda: viewer.seconds_played() < 3, "the beginning", 10)
    viewer.page.keyboard.press("End")
    wait_until(
        lambda: viewer.page.eval_on_selector(VIDEO, "video => video.ended || video.paused"), "the end", 15
    )
    assert viewer.errors == []
    viewer.close()
    phone = Viewer(
        browser,
        show.card["watch"].replace(show.playback, recording["id"]),
        viewport={"width": 390, "height": 760},
        color_scheme="dark",
    )
    wait_until(lambda: phone.seconds_played() > 1, "the picture", 30)
    phone.page.screenshot(path=OUTPUT / "recording-phone.png")
    phone.close()
    studio = Viewer(browser, show.card["watch"].replace(f"/watch/{show.playback}", "/studio"))
    studio.page.fill("input[type=email]", "o@w.example")
    studio.page.fill("input[type=password]", "a long password")
    studio.page.keyboard.press("Enter")
    to_stream(studio.page, "Recordings")
    wait_until(
        lambda: studio.page.locator("[data-testid=recording][data-state=ready]").count() == 1,
        "the recording in the studio",
    )
    studio.page.screenshot(path=OUTPUT / "studio-recordings.png", full_page=True)
    studio.page.set_viewport_size({"width": 390, "height": 844})
    studio.page.emulate_media(color_scheme="dark")
    studio.page.screenshot(path=OUTPUT / "studio-recordings-phone.png", full_page=True)
    assert studio.errors == []
    studio.close()
    assert show.stack.ask("DELETE", f"/v1/recordings/{recording['id']}", headers=member)[0] == 204
    wait_until(lambda: show.stack.get(mp4)[0] == 403, "its end", 10)
