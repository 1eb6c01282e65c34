"""`weir demo`: the first thing that anybody does with a fresh clone."""

import asyncio
import json
import urllib.request
from collections.abc import Iterator

import pytest
import socketio
from playwright.sync_api import sync_playwright

from tests.e2e.browsing import CHROMIUM, OUTPUT, VIDEO
from tests.e2e.conftest import Show
from tests.support.running_stack import RunningStack, alive
from tests.support.servers import wait_until

TALK = (
    ("Maya", "picture at once, and the clock says one second behind"),
    ("Jonas", "same here, on the phone too"),
    ("Maya", "two commands and no account. nice"),
    ("Priya", "docs: https://example.org/weir"),
    ("Jonas", "who has the colour bars?"),
)


@pytest.fixture
def demo() -> Iterator[RunningStack]:
    stack = RunningStack(X264_PRESET="ultrafast")
    yield stack
    stack.remove()


def test_the_demo_reports_what_it_did(demo: RunningStack) -> None:
    """One JSON line last on stdout with every promised field; exit code 0 because it played; nothing left."""
    demo.begin("demo", "--for", "12", "--json")
    assert demo.process is not None
    wait_until(lambda: len(demo.pids()) > 6 or demo.ended, "the processes", 60)
    pids = demo.pids()
    assert demo.process.wait(90) == 0, demo.err.read_text()
    report = json.loads(demo.out.read_text().splitlines()[-1])
    assert set(report) == {
        "ready_s", "first_playable_s", "master_url", "watch_url", "rtmp_url", "stream_key", "channel",
        "user_token", "moderator_token", "errors",
    }  # fmt: skip
    assert report["errors"] == []
    assert alive(pids) == set()


def test_a_demo_that_cannot_play_says_so() -> None:
    """The ladder's encoder cannot start: the exit code is not 0 and the error is in the report."""
    stack = RunningStack(X264_PRESET="no-such-preset")
    try:
        stack.begin("demo", "--for", "3", "--json")
        assert stack.process is not None
        assert stack.process.wait(90) == 1
        assert json.loads(stack.out.read_text().splitlines()[-1])["errors"]
    finally:
        stack.remove()


def test_the_demo_looks_alive(demo: RunningStack) -> None:
    """Picture, chat with names, count: the page that the README shows."""
    show = Show(demo.start("demo"))
    asyncio.run(talk(show))
    OUTPUT.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        context = browser.new_context(viewport={"width": 1280, "height": 720}, color_scheme="dark")
        page = context.new_page()
        page.goto(show.card["watch"])
        wait_until(lambda: page.eval_on_selector(VIDEO, "video => video.currentTime") > 4, "the picture", 40)
        wait_until(lambda: page.locator("[data-testid=chat-message]").count() >= len(TALK), "the chat")
        page.mouse.move(400, 300)
        page.screenshot(path=OUTPUT / "demo.png")
        browser.close()
    assert demo.stop() == 0


async def talk(show: Show) -> None:
    """Three people write, each over a socket of their own."""
    people: dict[str, socketio.AsyncClient] = {}
    for name in {name for name, _ in TALK}:
        session = show.session(name)
        people[name] = socketio.AsyncClient()
        await people[name].connect(
            f"http://127.0.0.1:{show.stack.http}",
            auth={"token": session["user_token"]},
            transports=["websocket"],
        )
        assert (await people[name].call("channel.join", {"channel": show.channel}))["ok"]
    for number, (name, text) in enumerate(TALK):
        sent = await people[name].call(
            "chat.send", {"channel": show.channel, "cid": f"talk-{number}", "text": text}
        )
        assert sent["ok"], sent
    for client in people.values():
        await client.disconnect()


def test_the_pages_are_served_with_strict_headers(demo: RunningStack) -> None:
    """No inline script, no framing but of the embed page, no sniffing, no referrer."""
    show = Show(demo.start())
    with urllib.request.urlopen(show.card["watch"]) as reply:
        policy = reply.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Referrer-Policy"] == "no-referrer"
    with urllib.request.urlopen(show.card["watch"].replace("/watch/", "/embed/")) as reply:
        assert "frame-ancestors *" in reply.headers["Content-Security-Policy"]
