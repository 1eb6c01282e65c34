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
# Messages by author and own id, in the order in which they were met; a list that fits is read at once.
SCROLL_THROUGH = """
async () => {
  const found = new Map();
  const take = () => document.querySelectorAll("[data-testid=chat-message]").forEach((one) => {
    found.set(one.dataset.line, [one.dataset.seq, one.dataset.state, one.innerText, one.getBoundingClientRect().top + (list?.scrollTop ?? 0)]);
  });
  const list = document.querySelector(".messages-list");
  take();
  if (list === null || list.scrollHeight <= list.clientHeight) return [...found.values()].map((one) => one.slice(0, 3));
  const before = list.scrollTop, atEnd = list.scrollHeight - before - list.clientHeight < 48;
  for (let top = list.scrollHeight; top > 0; ) {
    top = Math.max(0, top - list.clientHeight / 2);
    list.scrollTop = Math.max(top, 260);
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    take();
    if (top <= 260) break;
  }
  list.scrollTop = atEnd ? list.scrollHeight : before;
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  take();
  return [...found.values()].filter((one) => one[0] !== undefined).sort((one, other) => one[0] - other[0]).map((one) => one.slice(0, 3));
}
"""


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

    def to_chat(self) -> None:
        """On a small screen off air the page shows what is said about the stream first."""
        if self.page.locator("#tab-chat").is_visible():
            self.page.click("#tab-chat")

    def say(self, text: str) -> None:
        self.page.fill("[data-testid=chat-input]", text)
        self.page.keyboard.press("Enter")

    def messages(self) -> list[tuple[int, str]]:
        """(seq, text) of every message of the list, in the page's order. Only what is in view is in the document,
        so the list is scrolled through, and left as it was."""
        found = self.page.evaluate(SCROLL_THROUGH)
        return [(int(seq), text) for seq, state, text in found if state == "sent"]

    def seconds_played(self) -> float:
        return float(self.page.eval_on_selector(VIDEO, "video => video.currentTime"))

    def close(self) -> None:
        self.context.close()
