"""The player in the past of a live stream: it takes more than a minute until there is a bar to seek in."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.browsing import CHROMIUM, VIDEO
from tests.e2e.conftest import SMALL, Show
from tests.support.running_stack import RunningStack
from tests.support.servers import wait_until


@pytest.fixture
def show() -> Iterator[Show]:
    stack = RunningStack(**SMALL).start()
    show = Show(stack)
    member = show.member()
    stream = stack.ask("GET", "/v1/streams", headers=member)[1]["data"][0]["id"]
    assert stack.ask("PATCH", f"/v1/streams/{stream}", {"dvr_s": 600}, member)[0] == 200
    publisher = show.publish()
    yield show
    publisher.stop()
    stack.remove()


@pytest.fixture
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        yield browser
        browser.close()


def _rate(page: Page) -> float:
    return float(page.eval_on_selector(VIDEO, "video => video.playbackRate"))


def _behind(page: Page) -> int:
    """Seconds, as the bar says."""
    found = re.search(r"(?:(\d+):)?(\d+)(?: s)? behind", page.inner_text("[data-testid=live-indicator]"))
    assert found is not None
    return int(found[1] or 0) * 60 + int(found[2])


def test_the_past_of_a_live_stream(show: Show, chromium: Browser) -> None:
    """The bar shows times; speeds are offered behind the live edge and end at it; a link with a time leads to
    the same picture."""
    page = chromium.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.goto(show.card["watch"])
    page.wait_for_selector("[data-testid=seek]", timeout=120_000)
    page.mouse.move(400, 300)
    page.click("[data-testid=settings-button]")
    assert page.locator("[data-testid=settings-speed]").count() == 0, "there is nothing to be faster for"
    page.keyboard.press("Escape")
    page.keyboard.press("5")
    page.wait_for_selector("[data-testid=jump-to-live]")
    box = page.locator("[data-testid=seek]").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 9)
    assert re.fullmatch(r"−\d+:\d\d", page.inner_text("[data-testid=seek-preview]"))
    page.click("[data-testid=share]")
    page.get_by_label("Start at").check()
    link = page.input_value("[data-testid=share-link]")
    page.keyboard.press("Escape")
    other = chromium.new_context().new_page()
    other.goto(link)
    other.wait_for_selector("[data-testid=jump-to-live]")
    wait_until(lambda: abs(_behind(other) - _behind(page)) <= 4, "the same picture")
    other.context.close()
    page.keyboard.press("End")
    page.wait_for_selector("[data-testid=live-indicator][data-live=true]")
    page.keyboard.press("j")
    wait_until(lambda: page.locator("[data-testid=jump-to-live]").count() == 1, "the past")
    for _ in range(3):
        page.keyboard.press(">")
    wait_until(lambda: _rate(page) == 2, "twice as fast")
    page.wait_for_selector("[data-testid=live-indicator][data-live=true]")
    wait_until(lambda: _rate(page) < 2, "the usual speed")
    page.context.close()
