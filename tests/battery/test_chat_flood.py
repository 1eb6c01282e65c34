"""A chat page under a flood: 10,000 messages at 50 a second, in real Chromium."""

import os
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.browsing import CHROMIUM
from tests.e2e.conftest import SMALL, TALKATIVE, Show
from tests.e2e.test_chat_page import CROWDED, MESSAGE, Room
from tests.support.running_stack import RunningStack
from tests.support.servers import wait_until

MESSAGES, PER_S = 10_000, 50
LONGEST_MS = 100
WATCHED = """
window.tasks = [];
new PerformanceObserver((list) => tasks.push(...list.getEntries().map((one) => Math.round(one.duration)))).observe({type: 'longtask'});
"""
FORGET = "new Promise((done) => setTimeout(() => { tasks.length = 0; done(); }, 300))"
NODES = "document.querySelectorAll('*').length"


@pytest.fixture(scope="module")
def show() -> Iterator[Show]:
    stack = RunningStack(**{**SMALL, **TALKATIVE, **CROWDED}).start()
    yield Show(stack)
    stack.remove()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        yield chromium
        chromium.close()


def test_ten_thousand_messages_keep_the_page_smooth(show: Show, browser: Browser) -> None:
    """No task of the page takes longer than 100 ms, the document does not grow, and memory is bounded: the
    second half adds no more than what a garbage collector leaves lying."""
    room = Room(show, browser)
    writer, page = room.person("Frida"), room.open("Anna")
    for number in range(300):  # the list, its code and its fonts are there
        writer.say(f"warming up {number}")
    page.wait_for_selector(f"{MESSAGE}:has-text('warming up 299')")
    page.evaluate(WATCHED)
    cdp = page.context.new_cdp_session(page)
    heaps, nodes, tasks, began = list[float](), list[int](), list[int](), time.monotonic()
    for number in range(MESSAGES):
        writer.say(
            f"message {number} with some words, as people write them, see https://example.org/{number}"
        )
        time.sleep(max(0.0, began + number / PER_S - time.monotonic()))
        if number in (MESSAGES // 2, MESSAGES - 1):
            tasks += page.evaluate("window.tasks")
            cdp.send("HeapProfiler.collectGarbage")
            heaps.append(page.evaluate("performance.memory.usedJSHeapSize") / 1e6)
            nodes.append(page.evaluate(NODES))
            page.evaluate(FORGET)  # what collecting took
    wait_until(lambda: page.locator(MESSAGE, has_text=f"message {MESSAGES - 1} ").count() == 1, "the newest")
    tasks += page.evaluate("window.tasks")
    print(
        f"long tasks (ms): {sorted(tasks)[-5:]} of {len(tasks)}, load {os.getloadavg()}, heap MB: {heaps}, elements: {nodes}"
    )
    assert [task for task in tasks if task > LONGEST_MS] == []
    assert heaps[1] < heaps[0] + 5
    assert max(nodes) < 1_500
    page.context.close()
