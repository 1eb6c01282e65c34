"""Statistics and the list of keys over the picture."""

import pytest
from playwright.sync_api import Browser

from tests.e2e.browsing import OUTPUT, Viewer
from tests.e2e.conftest import Show
from tests.support.servers import wait_until


@pytest.mark.parametrize("width", [1280, 320])
def test_figures_and_keys_are_shown_on_request(live: Show, browser: Browser, width: int) -> None:
    """`i` and `?` open them, the same key or Escape closes them; the figures are those of what plays."""
    viewer = Viewer(browser, live.card["watch"], viewport={"width": width, "height": 700})
    wait_until(lambda: viewer.seconds_played() > 2, "the picture", 40)
    viewer.page.keyboard.press("i")
    wait_until(lambda: "360p" in viewer.text("panel-statistics"), "the rendition's figures")
    text = viewer.text("panel-statistics")
    for known in ("640 × 360", "Behind the encoder", "avc1", "Frames dropped", "b/s"):
        assert known in text, text
    viewer.page.screenshot(path=OUTPUT / f"statistics-{width}.png")
    viewer.page.keyboard.press("?")
    wait_until(lambda: "Full screen" in viewer.text("panel-keys"), "the keys")
    assert viewer.text("panel-statistics") == ""
    viewer.page.screenshot(path=OUTPUT / f"keys-{width}.png")
    viewer.page.keyboard.press("Escape")
    wait_until(lambda: viewer.text("panel-keys") == "", "the list goes")
    assert viewer.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert viewer.errors == []
    viewer.close()
