"""How a live stream is doing, through the web server and in the studio."""

from typing import Any

from playwright.sync_api import Browser

from tests.e2e.browsing import OUTPUT, Viewer
from tests.e2e.conftest import Show
from tests.e2e.studio import to_stream
from tests.support.servers import wait_until


def test_a_streamer_sees_how_it_goes(make_stack, browser: Browser) -> None:
    """Counted from what the encoder sends; a picture of now; in the studio a line and words, also on a phone;
    strangers see nothing."""
    show: Show = make_stack(RECONNECT_GRACE_S=1)
    member = show.member()
    stream = show.stack.ask("GET", "/v1/streams", headers=member)[1]["data"][0]["id"]
    path = f"/v1/streams/{stream}"
    assert show.stack.ask("GET", f"{path}/snapshot.jpg", headers=member)[0] == 404
    publisher = show.publish()
    show.wait_state("live")

    def health() -> dict[str, Any]:
        return dict(show.stack.ask("GET", f"{path}/health", headers=member)[1])

    wait_until(lambda: len(health()["history"]) > 6 and health()["keyframe_s"], "measurements", 40)
    seen = health()
    assert (seen["state"], seen["publishing"], seen["renditions"], seen["left_out"]) == (
        "live",
        True,
        [360],
        [],
    )
    assert 1.9 < seen["keyframe_s"] < 2.1
    assert abs(seen["av_drift_ms"]) < 500
    status, picture = show.stack.ask("GET", f"{path}/snapshot.jpg", headers=member)
    assert (status, picture[:2]) == (200, b"\xff\xd8")
    for name in ("health", "snapshot.jpg"):
        assert show.stack.get(f"{path}/{name}")[0] == 401
    assert "weir_stream_bits_per_second" in show.stack.get("/metrics")[1].decode()

    studio = Viewer(browser, show.card["watch"].replace(f"/watch/{show.playback}", "/studio"))
    studio.page.fill("input[type=email]", "o@w.example")
    studio.page.fill("input[type=password]", "a long password")
    studio.page.keyboard.press("Enter")
    to_stream(studio.page)
    studio.page.wait_for_selector("[data-testid=health] canvas")
    studio.page.screenshot(path=OUTPUT / "studio-health.png", full_page=True)
    studio.page.set_viewport_size({"width": 390, "height": 844})
    studio.page.emulate_media(color_scheme="dark")
    assert studio.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    studio.page.locator("[data-testid=health]").screenshot(path=OUTPUT / "studio-health-phone.png")
    publisher.stop()
    wait_until(lambda: studio.page.locator("[data-testid=health]").count() == 0, "its end", 20)
    assert studio.errors == []
    studio.close()
