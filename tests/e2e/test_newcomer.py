"""From the first link to a moderated chat, as somebody who has never seen Weir."""

from playwright.sync_api import Browser, Page

from tests.e2e.browsing import OUTPUT, VIDEO, Viewer
from tests.e2e.publisher import Publisher
from tests.support.running_stack import RunningStack
from tests.support.servers import wait_until

MOST_CLICKS = 12


class Clicks:
    """What a person clicks, counted; what is typed is not."""

    def __init__(self) -> None:
        self.count = 0

    def on(self, page: Page, selector: str) -> None:
        self.count += 1
        page.click(selector)


def test_the_first_hour(browser: Browser) -> None:
    """Sign up, make an app and a stream, publish with what the page shows, preview, watch, talk, ban and
    undo: at most twelve clicks. Home's steps are ticked by what really happened."""
    stack = RunningStack(LADDER="[360]", X264_PRESET="ultrafast", GUEST_ADDRESS_BAN_H=0)
    clicks, publisher = Clicks(), None
    try:
        stack.start()
        studio = Viewer(browser, stack.card()["studio"])
        page = studio.page
        page.get_by_label("Your name").fill("Olga")
        page.get_by_label("E-mail").fill("olga@weir.example")
        page.get_by_label("Password").fill("a long password")
        clicks.on(page, "[data-testid=submit]")
        clicks.on(page, "[data-testid=app-menu]")
        clicks.on(page, "[data-testid=new-app]")
        page.fill("input[name=new-app-name]", "Harbour TV")
        clicks.on(page, "[data-testid=create-app]")
        page.wait_for_selector("h1:has-text('Harbour TV')")
        assert steps(page) == {
            "stream": False,
            "publish": False,
            "watch": False,
            "chat": False,
            "invite": False,
        }
        clicks.on(page, "main >> text=New stream >> nth=0")
        page.fill("[data-testid=new-stream-title]", "Morning show")
        clicks.on(page, "[data-testid=create-stream]")
        key = page.locator("[data-testid=obs-key]")
        wait_until(lambda: key.input_value() != "", "the key")
        publisher = Publisher(f"{page.input_value('[data-testid=obs-server]')}/{key.input_value()}")
        clicks.on(page, "[data-testid=show-preview]")
        page.wait_for_selector(VIDEO)
        wait_until(lambda: studio.seconds_played() > 0.5, "the preview", 40)
        with page.expect_popup() as popped:
            clicks.on(page, "[data-testid=take-seat]")
        host = popped.value
        host.wait_for_selector("[data-testid=connection-state][data-state=online]", state="attached")
        guest = Viewer(browser, host.url)
        guest.page.wait_for_selector("[data-testid=connection-state][data-state=online]", state="attached")
        wait_until(lambda: guest.seconds_played() > 0.5, "the picture", 40)
        guest.say("buy my things")
        message = host.locator("[data-testid=chat-message]", has_text="buy my things")
        message.wait_for()
        name = message.locator("[data-testid=author]").inner_text()
        host.fill("[data-testid=chat-input]", f"/ban {name}")
        host.keyboard.press("Enter")
        guest.page.wait_for_selector("text=A moderator banned you")
        clicks.on(host, "button:has-text('Undo')")
        message.wait_for()
        clicks.on(page, "nav[aria-label=Studio] >> text=Home")
        page.wait_for_selector("[data-testid=step-chat][data-done=true]", timeout=90_000)
        done = steps(page)
        page.screenshot(path=OUTPUT / "studio-first-hour.png")
        assert {name for name, ticked in done.items() if ticked} >= {"stream", "publish", "chat"}
        assert clicks.count <= MOST_CLICKS
        assert studio.errors == guest.errors == []
        assert host.locator(VIDEO).count() == 1
        guest.close()
        studio.close()
    finally:
        if publisher is not None:
            publisher.stop()
        stack.stop()
        stack.remove()


def steps(page: Page) -> dict[str, bool]:
    page.wait_for_selector("[data-testid=checklist]")
    shown = page.eval_on_selector_all(
        "[data-testid^=step-]", "all => all.map(one => [one.dataset.testid.slice(5), one.dataset.done])"
    )
    return {name: done == "true" for name, done in shown}
