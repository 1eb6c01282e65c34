"""Browsers as viewers have them: Chromium, one page each."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests.support.servers import wait_until

OUTPUT = Path(__file__).parent / "output"
CHROMIUM = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip
VIDEO = "[data-testid=video]"


class Viewer:
    """One browser with one page on the stream, and what went wrong in it."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(url)

    def text(self, name: str) -> str:
        found = self.page.locator(f"[data-testid={name}]")
        return found.first.inner_text() if found.count() else ""

    def until(self, name: str, wanted: str, seconds: float = 30) -> None:
        wait_until(lambda: wanted in self.text(name), f"{wanted!r} in {name}", seconds)

    def say(self, text: str) -> None:
        self.page.fill("[data-testid=chat-input]", text)
        self.page.keyboard.press("Enter")

    def messages(self) -> list[tuple[int, str]]:
        """(seq, text) of every message shown, in the page's order."""
        found = self.page.eval_on_selector_all(
            "[data-testid=chat-message]",
            "all => all.map(one => [one.dataset.seq, one.dataset.state, one.innerText])",
        )
        return [(int(seq), text) for seq, state, text in found if state == "sent"]

    def seconds_played(self) -> float:
        return float(self.page.eval_on_selector(VIDEO, "video => video.currentTime"))

    def close(self) -> None:
        self.context.close()
