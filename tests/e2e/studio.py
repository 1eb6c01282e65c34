"""The studio in Chromium: accounts of an app's team, signed in."""

from typing import Any

from playwright.sync_api import Browser, Page

from tests.e2e.browsing import OUTPUT
from tests.support.running_stack import RunningStack

PASSWORD = "correct horse battery"
# What extends beyond the page's right edge; code blocks and strips scroll by themselves.
OUTSIDE_JS = """() => [...document.querySelectorAll('main *, .top *')]
    .filter(one => one.checkVisibility() && !one.closest('pre') && one.getBoundingClientRect().right > innerWidth + 0.5)
    .map(one => `${one.tagName}.${one.className} ${one.textContent.slice(0, 40)}`)"""


class Studio:
    """A stack with an account that owns an app; `token` is its app token."""

    def __init__(self, stack: RunningStack, browser: Browser, name: str = "ann") -> None:
        self.stack = stack
        self._browser = browser
        self.email = f"{name}@weir.example"
        account = {"email": self.email, "password": PASSWORD, "name": name.title()}
        status, made = stack.ask("POST", "/v1/auth/register", account)
        assert status == 201, made
        self.person = {"Authorization": f"Bearer {made['access_token']}"}
        self.app = stack.ask("POST", "/v1/apps", {"name": "Harbour"}, self.person)[1]["id"]
        opened = stack.ask("POST", f"/v1/apps/{self.app}/session", headers=self.person)[1]
        self.token = {"Authorization": f"Bearer {opened['app_token']}"}

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """As the app; the answer must be a success."""
        status, answer = self.stack.ask(method, path, body, self.token)
        assert status < 300, answer
        return answer

    def invite(self, name: str, role: str) -> None:
        """Another account becomes a member."""
        account = {"email": f"{name}@weir.example", "password": PASSWORD}
        made = self.stack.ask("POST", "/v1/auth/register", account)[1]
        wish = {"email": account["email"], "role": role}
        link = self.stack.ask("POST", f"/v1/apps/{self.app}/invitations", wish, self.person)[1]["link"]
        bearer = {"Authorization": f"Bearer {made['access_token']}"}
        joined = self.stack.ask(
            "POST", "/v1/invitations/accept", {"token": link.split("invitation=")[1]}, bearer
        )
        assert joined[0] < 300, joined

    def open(self, section: str, name: str | None = None) -> Page:
        """A page in a section, signed in as the owner or as this member. It fails on what the page throws."""
        page = self._browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.goto(f"{self.stack.address}/studio")
        page.fill("input[name=email]", f"{name}@weir.example" if name else self.email)
        page.fill("input[name=password]", PASSWORD)
        page.click("[data-testid=submit]")
        page.wait_for_selector("nav[aria-label=Studio]")
        self.go(page, section)
        return page

    def go(self, page: Page, section: str) -> None:
        """`webhooks`, or `webhooks/whk_…`: without a reload, as a link would."""
        path = f"/studio/{self.app}/{section}"
        page.evaluate("path => { history.pushState(null, '', path); }", path)


def to_stream(page: Page, tab: str = "") -> None:
    """From any page of an app to its first stream, and to this part of its page."""
    page.click("nav[aria-label=Studio] >> text=Streams")
    page.click("[data-testid=stream-item] a >> nth=0")
    if tab:
        page.click(f"nav[aria-label='This stream'] >> text={tab}")


def assert_fits(page: Page, name: str) -> None:
    """At phones' widths nothing extends beyond the page, in both colour schemes; leaves screenshots."""
    for width, scheme in ((320, "dark"), (390, "light"), (1280, "light")):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.screenshot(path=OUTPUT / f"{name}-{width}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
        assert page.evaluate(OUTSIDE_JS) == [], (name, width)
