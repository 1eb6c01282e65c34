"""How soon a viewer sees something: `python -m bench.first_view [--visits N]`.

Opens the watch page in fresh Chromium contexts on this machine, off air and on air, and prints the median and
the slowest of first contentful paint, largest contentful paint and the first frame, in seconds after the
navigation began. Needs `player/dist`.
"""

import argparse
import statistics

from playwright.sync_api import Browser, sync_playwright

from tests.e2e.browsing import CHROMIUM, VIDEO
from tests.e2e.conftest import SMALL, Show
from tests.support.running_stack import RunningStack
from tests.support.servers import wait_until

OBSERVED = """
window.painted = {};
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) painted[entry.entryType === 'paint' ? entry.name : 'largest'] = entry.startTime;
}).observe({ type: 'largest-contentful-paint', buffered: true });
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) painted[entry.name] = entry.startTime;
}).observe({ type: 'paint', buffered: true });
addEventListener('playing', () => { painted.frame ??= performance.now(); }, true);
"""
SETTLED_MS = 2_000


def visit(browser: Browser, url: str, live: bool) -> dict[str, float]:
    """Milliseconds by name."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.add_init_script(OBSERVED)
    page.goto(url)
    page.wait_for_selector("h1")
    if live:
        wait_until(lambda: page.eval_on_selector(VIDEO, "video => video.currentTime > 0"), "the picture", 30)
    page.wait_for_timeout(SETTLED_MS)
    painted: dict[str, float] = page.evaluate("window.painted")
    context.close()
    return painted


def show_table(name: str, visits: list[dict[str, float]]) -> None:
    for what in ("first-contentful-paint", "largest", "frame"):
        times = [one[what] / 1000 for one in visits if what in one]
        if times:
            print(f"{name:8} {what:24} median {statistics.median(times):.2f} s  slowest {max(times):.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visits", type=int, default=7)
    visits = parser.parse_args().visits
    stack = RunningStack(**SMALL).start()
    show = Show(stack)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
            show_table("off air", [visit(browser, show.card["watch"], False) for _ in range(visits)])
            publisher = show.publish()
            show.wait_state("live")
            show_table("on air", [visit(browser, show.card["watch"], True) for _ in range(visits)])
            publisher.stop()
    finally:
        stack.remove()


if __name__ == "__main__":
    main()
