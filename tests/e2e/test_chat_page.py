"""The chat of the watch page in Chromium: one stack, two and three people, a moderator and an overlay."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from playwright.sync_api import Browser, Page

from bench.barcode import READER_JS
from tests.attack.wire import Wire
from tests.e2e.browsing import OUTPUT, VIDEO
from tests.e2e.conftest import SMALL, TALKATIVE, Show
from tests.support.running_stack import RunningStack
from tests.support.servers import wait_until
from tests.support.webhook_receiver import Receiver, receiver_in_thread
from weir.foundation.ids import new_id

INPUT, MESSAGE = "[data-testid=chat-input]", "[data-testid=chat-message]"
PAYLOADS: list[str] = json.loads(
    (Path(__file__).resolve().parents[2] / "player/packages/watch/tests/payloads.json").read_text()
)
WATCHED = """
window.reports = [];
document.addEventListener('securitypolicyviolation', (event) => reports.push(event.violatedDirective + ' ' + event.blockedURI));
"""
CROWDED: dict[str, Any] = {
    "CHAT_RATE_PER_S": 5000, "CHAT_BURST": 5000, "SOCKET_REQUESTS_PER_S": 5000, "EGRESS_ALLOW": '["127.0.0.0/8"]',
}  # fmt: skip
PAINTED_JS = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 30))))"
BEHIND_S, NEAR_S = 4.0, 0.5


class Room:
    """The stack, with browsers and people without one. `failures` are errors and dialogs of pages."""

    def __init__(self, show: Show, browser: Browser) -> None:
        self.show, self.browser, self.failures = show, browser, list[str]()

    def token(self, uid: str, name: str, role: str = "member", **claims: Any) -> str:
        return self.show.tokens.mint_user(
            uid, self.show.app, name, 3600, roles={self.show.channel: role}, **claims
        )

    def open(self, name: str = "Anna", role: str = "member", query: str = "", **options: Any) -> Page:
        """The watch page with a seat in the chat, connected."""
        page = self.context(**options).new_page()
        page.goto(f"{self.show.card['watch']}{query}#user={self.token(uid_of(name), name, role)}")
        connected(page)
        return page

    def context(self, **options: Any) -> Any:
        """A browser's profile of its own. Nothing outside this machine is asked."""
        context = self.browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        context.route(re.compile("^https://"), lambda route: route.abort())
        context.add_init_script(WATCHED)
        context.on("weberror", lambda error: self.failures.append(str(error.error)))
        context.on("dialog", lambda dialog: self.failures.append(dialog.message))
        return context

    def person(self, name: str, role: str = "member", **claims: Any) -> "Voice":
        return Voice(self.show, self.token(uid_of(name), name, role, **claims))

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        token = self.show.tokens.mint("weir:app", 600, sub="acc_test", app=self.show.app, role="owner")
        status, answer = self.show.stack.ask(method, path, body, {"Authorization": f"Bearer {token}"})
        assert status in (200, 201, 204), answer
        return answer


class Voice:
    """Somebody in the chat without a page."""

    def __init__(self, show: Show, token: str) -> None:
        self.channel, self.wire = show.channel, Wire(show.stack.http)
        self.wire.read()
        assert "sid" in self.wire.sign_in(token)
        assert self.wire.call("channel.join", channel=self.channel)["ok"]

    def say(self, text: str, **more: Any) -> dict[str, Any]:
        answer = self.wire.call("chat.send", channel=self.channel, cid=new_id("msg"), text=text, **more)
        assert answer["ok"], answer
        return answer

    def command(self, text: str) -> None:
        assert self.wire.call("chat.command", channel=self.channel, text=text)["ok"]


def uid_of(name: str) -> str:
    return f"usr-{name.lower().replace(' ', '-')}"


def connected(page: Page) -> None:
    page.wait_for_selector("[data-testid=connection-state][data-state=online]", state="attached")


def say(page: Page, text: str) -> None:
    page.fill(INPUT, text)
    page.keyboard.press("Enter")


def line(page: Page, text: str) -> Any:
    """The newest message with this text; what it quotes does not count."""
    return page.locator(MESSAGE).filter(has=page.locator(".text", has_text=text)).last


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiver_in_thread() as made:
        made.says = lambda one: {
            "action": "hold" if "hold me" in orjson.loads(one.body)["data"]["text"] else "allow"
        }
        yield made


@pytest.fixture(scope="module")
def room(browser: Browser) -> Iterator[Room]:
    stack = RunningStack(**{**SMALL, **TALKATIVE, **CROWDED}).start()
    yield Room(Show(stack), browser)
    stack.remove()


@pytest.fixture(autouse=True)
def _nothing_failed(room: Room) -> Iterator[None]:
    yield
    failures, room.failures = room.failures, []
    assert failures == []


def test_an_answer_quotes_and_leads_back(room: Room) -> None:
    """Also to a message that the page has not loaded; and a removed one is not quoted any more."""
    bert = room.person("Bert")
    old = bert.say("the oldest of all messages")
    for number in range(120):
        bert.say(f"in between {number}")
    anna, cleo = room.open("Anna"), room.open("Cleo")
    bert.say("answering the old one", reply_to=old["id"])
    quote = line(anna, "answering the old one").locator("[data-testid=quote]")
    wait_until(lambda: "the oldest of all" in quote.inner_text(), "the quote of a message that is not loaded")
    quote.click()
    anna.wait_for_selector(f"{MESSAGE}[data-flash]:has-text('the oldest of all')")
    row = line(cleo, "answering the old one")
    row.hover()
    row.locator("[data-testid=reply]").click()
    assert "answering the old one" in cleo.locator("[data-testid=answering]").inner_text()
    say(cleo, "and I answer that")
    cleo.wait_for_selector("[data-testid=answering]", state="detached")
    anna.locator("[data-testid=unread]").click()
    wait_until(lambda: line(anna, "and I answer that").count() == 1, "the answer at another page")
    assert (
        "answering the old one" in line(anna, "and I answer that").locator("[data-testid=quote]").inner_text()
    )
    room.person("Mona", "moderator").command(f"/delete {old['id']}")
    wait_until(
        lambda: "was removed" in line(anna, "answering the old one").inner_text(), "no quote of what is gone"
    )
    for page in (anna, cleo):
        page.context.close()


def test_names_are_completed_and_marked(room: Room) -> None:
    """By keyboard, from people who are here; the one who is named sees the message marked and counted."""
    anna, dora = room.open("Anna"), room.open("Dora Long Name")
    anna.click(INPUT)
    anna.keyboard.type("hello @dora")
    anna.wait_for_selector("[data-testid=suggestion]")
    anna.keyboard.press("Tab")
    assert anna.input_value(INPUT) == "hello @Dora Long Name "
    anna.keyboard.press("Enter")
    dora.wait_for_selector(f"{MESSAGE}[data-mentioned]:has-text('@Dora Long Name')")
    assert dora.locator(".mention[data-self=true]").last.inner_text() == "@Dora Long Name"
    assert anna.locator(f"{MESSAGE}[data-mentioned]").count() == 0
    for page in (anna, dora):
        page.context.close()


def test_emoji_and_commands(room: Room) -> None:
    """The picker's data is a file of this server; the palette has what this role may use, under headings."""
    asked: list[str] = []
    page = room.open("Mona", "moderator")
    page.on("request", lambda one: asked.append(one.url))
    page.click("[data-testid=emoji-button]")
    page.get_by_role("searchbox", name="Search emoji").or_(page.get_by_label("Search emoji")).first.fill(
        "party popper"
    )
    page.wait_for_selector("[frimousse-emoji][data-active]:has-text('🎉')")
    page.keyboard.press("Enter")
    wait_until(lambda: page.input_value(INPUT) == "🎉", "the emoji in the field")
    assert all(url.startswith(room.show.stack.address) for url in asked)
    page.fill(INPUT, "/")
    page.wait_for_selector("[data-testid=suggestion]")
    assert [one.get_attribute("aria-label") for one in page.locator("[data-testid=suggestions] [role=group]").all()] == [
        "People", "Messages", "Who may write",
    ]  # fmt: skip
    member = room.open("Erik")
    member.fill(INPUT, "/")
    member.wait_for_selector("[data-testid=suggestion]")
    assert "/ban" not in member.inner_text("[data-testid=suggestions]")
    for one in (page, member):
        one.context.close()


def test_a_thousand_messages_and_what_came_before(room: Room) -> None:
    """Few are in the document; scrolled back, the reader's place is held while others write; one tab stop."""
    frida = room.person("Frida")
    for number in range(200):
        frida.say(f"before {number}")
    page = room.open("Anna")
    for number in range(1_000):
        frida.say(f"many {number}")
    wait_until(lambda: line(page, "many 999").count() == 1, "the newest")
    assert page.locator(MESSAGE).count() < 80
    page.hover(".messages-list")
    seen = set[str]()
    for _ in range(160):
        page.mouse.wheel(0, -700)
        page.evaluate(PAINTED_JS)  # a busy machine would join several turns of the wheel
        seen |= set(page.locator(".text").all_inner_texts())
        if any(f"before {number}" in seen for number in range(120)):
            break
    hundreds = {int(text[5:]) // 100 for text in seen if text.startswith("many ")}
    assert {0, 9} <= hundreds
    assert any(f"before {number}" in seen for number in range(120)), "older than what the page began with"
    place = """() => { const list = document.querySelector('.messages-list');
      const one = [...list.querySelectorAll('article')].find((one) => one.getBoundingClientRect().top > list.getBoundingClientRect().top + 60);
      return [one.dataset.line, Math.round(one.getBoundingClientRect().top)]; }"""
    page.mouse.wheel(0, 900)
    page.wait_for_timeout(300)
    before = page.evaluate(place)
    for number in range(30):
        frida.say(f"later {number}")
    wait_until(lambda: "30" in page.locator("[data-testid=unread]").inner_text(), "the number of new ones")
    assert page.evaluate(place) == before
    page.click("[data-testid=unread]")
    wait_until(lambda: line(page, "later 29").count() == 1, "the newest again")
    assert page.locator("[data-testid=messages] [tabindex='0']").count() == 1
    page.locator("[data-testid=messages] [tabindex='0']").focus()
    page.keyboard.press("ArrowUp")
    wait_until(lambda: "later 28" in page.evaluate("document.activeElement.innerText"), "the one above")
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=menu] [role=menuitem]")
    page.keyboard.press("Escape")
    wait_until(lambda: page.locator("[role=menu]").count() == 0, "the menu's end")
    page.context.close()


def test_settings_are_kept_and_the_chat_stands_alone(room: Room) -> None:
    """In this browser, over a reload, in the window of its own; ignored people are not shown."""
    gerd = room.person("Gerd")
    gerd.say("you will not read this")
    page = room.open("Anna")
    page.click("[data-testid=chat-settings]")
    dialog = page.locator("[data-testid=chat-settings-dialog]")
    dialog.get_by_text("Very large").click()
    dialog.get_by_label("Show the time of each message").check()
    page.keyboard.press("Escape")
    row = line(page, "you will not read this")
    row.hover()
    row.locator("[data-testid=message-menu]").click()
    page.get_by_role("menuitem", name="Ignore").click()
    wait_until(lambda: line(page, "you will not read this").count() == 0, "the ignored message gone")
    page.reload()
    connected(page)
    assert page.locator(".chat").get_attribute("data-size") == "huge"
    assert page.locator(".chat").get_attribute("data-times") == "true"
    assert line(page, "you will not read this").count() == 0
    with page.context.expect_page() as opened:
        page.click("[data-testid=pop-out]")
    alone = opened.value
    connected(alone)
    assert alone.locator(VIDEO).count() == 0
    assert alone.locator(".chat").get_attribute("data-size") == "huge"
    say(alone, "from the window of its own")
    wait_until(
        lambda: line(page, "from the window of its own").count() == 1, "the message in the other window"
    )
    page.context.close()


def test_a_moderator_works_by_keyboard(room: Room, receiver: Receiver) -> None:
    """Queue, undo, the end of a ban and a mode: without a pointer, and others see what was done."""
    hook = {"url": receiver.url, "timeout_ms": 1000, "on_silence": "allow"}
    room.ask("PUT", "/v1/before-message", hook)
    ida, anna = room.person("Ida"), room.open("Anna")
    held = [
        ida.wire.call("chat.send", channel=ida.channel, cid=new_id("msg"), text=f"hold me {one}")
        for one in "ab"
    ]
    assert all(one["held"] for one in held)
    room.ask("DELETE", "/v1/before-message")
    mod = room.open("Mona", "moderator", "?mod")
    mod.wait_for_selector("[data-testid=held]")
    assert mod.locator("[data-testid=held]").count() == 2
    mod.get_by_role("button", name="Approve the message of Ida").first.focus()
    mod.keyboard.press("Enter")
    wait_until(lambda: mod.locator("[data-testid=held]").count() == 1, "one left")
    wait_until(lambda: line(anna, "hold me a").count() == 1, "the approved one at another page")
    wait_until(
        lambda: "Approve" in mod.evaluate("document.activeElement.ariaLabel ?? ''"),
        "the next one has the focus",
    )
    mod.keyboard.press("Tab")
    mod.keyboard.press("Enter")
    wait_until(lambda: mod.locator("[data-testid=held]").count() == 0, "an empty queue")
    mod.focus(INPUT)
    mod.keyboard.type("/ban Ida rude")
    mod.keyboard.press("Enter")
    mod.wait_for_selector("[data-testid=restriction][data-kind=ban]")
    assert mod.locator("[data-testid=mod-action][data-kind=ban]").count() == 1
    mod.get_by_role("button", name="End: Ban Ida").focus()
    mod.keyboard.press("Enter")
    mod.wait_for_selector("[data-testid=restriction]", state="detached")
    mod.wait_for_selector("[data-testid=mod-action][data-kind=ban][data-undone]")
    mod.get_by_role("switch", name="Only subscribers").focus()
    mod.keyboard.press("Space")
    wait_until(lambda: "Only subscribers" in anna.inner_text(".chat-foot"), "the mode at another page")
    mod.get_by_role("button", name=re.compile("^Undo: Subscribers only")).first.focus()
    mod.keyboard.press("Enter")
    wait_until(lambda: anna.locator("[data-testid=chat-rule]").count() == 0, "the mode undone")
    refused = anna.context.new_page()
    refused.goto(f"{room.show.card['watch']}?mod#user={room.token('usr-anna', 'Anna')}")
    refused.wait_for_selector("text=Only moderators can open this page.")
    for page in (mod, anna, refused):
        page.context.close()


def test_messages_wait_for_the_picture(room: Room) -> None:
    """A viewer who is four seconds behind reads a message when they see the frame at which it was written; own
    messages come at once, and with the setting off so do all."""
    show = room.show
    publisher = show.publish()
    try:
        show.wait_state("live")
        near, late = room.open("Anna"), room.open("Late")
        for page in (near, late):
            wait_until(lambda: page.evaluate("document.querySelector('video')?.readyState > 2"), "a picture")
            page.evaluate(READER_JS, VIDEO)
        late.evaluate("document.querySelector('video').pause()")
        behind = "weir.hls.latency"
        wait_until(lambda: late.evaluate(behind) > BEHIND_S + 1, "the distance")
        late.evaluate("document.querySelector('video').play()")
        late.evaluate("""() => { window.shown = {};
          new MutationObserver(() => document.querySelectorAll('[data-testid=chat-message] .text').forEach((one) => {
            if (!(one.innerText in shown)) shown[one.innerText] = window.__frames.at(-1)[1]; })).observe(document.body, {subtree: true, childList: true}); }""")
        wait_until(
            lambda: late.evaluate("window.__frames.length > 30 && !document.querySelector('video').paused"),
            "frames",
        )
        gaps = []
        for number in range(2):
            say(near, f"goal {number}")
            frame = near.evaluate("window.__frames.at(-1)[1]")
            if number == 0:
                say(late, "mine")
                late.wait_for_selector(f"{MESSAGE}:has-text('mine')")
                assert line(late, "goal 0").count() == 0, "it was shown before its moment"
            late.wait_for_selector(f"{MESSAGE}:has-text('goal {number}')", timeout=20_000)
            gaps.append((late.evaluate(f"window.shown['goal {number}']") - frame) / 1000)
        print("alignment: shown minus written, seconds of picture:", gaps)
        assert all(abs(gap) <= NEAR_S for gap in gaps), gaps
        assert late.evaluate(behind) > BEHIND_S - 1
        late.evaluate("document.querySelector('video').pause()")
        say(near, "while paused")
        late.wait_for_selector(f"{MESSAGE}:has-text('while paused')")
    finally:
        publisher.stop()
    for page in (near, late):
        page.context.close()


def test_an_overlay_shows_the_chat_and_ends_with_its_key(room: Room) -> None:
    """Message, viewers and an alert of the app; nothing of the stream once the key has been replaced."""
    stream = room.ask("GET", "/v1/streams")["data"][0]["id"]
    made = room.ask("POST", f"/v1/streams/{stream}/overlay")
    jan = room.person("Jan")
    jan.say("for the overlay")
    page = room.context().new_page()
    page.goto(made["url"].replace("/chat#", "/chat?size=40&side=end&color=ffee00&font=serif#key="))
    page.wait_for_selector("[data-testid=overlay-message]:has-text('for the overlay')")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgba(0, 0, 0, 0)"
    assert page.evaluate("getComputedStyle(document.querySelector('.overlay')).fontSize") == "40px"
    page.screenshot(path=OUTPUT / "overlay-chat.png")
    alerts = room.context().new_page()
    alerts.goto(made["url"].replace("/chat#", "/alerts#"))
    alerts.wait_for_selector("[data-testid=overlay]")
    wait_until(lambda: _joined(room, alerts), "the overlay's connection")
    event = {
        "type": "custom.follow",
        "channel": room.show.channel,
        "deliver": "channel",
        "data": {"name": "Kim"},
    }
    deadline = time.monotonic() + 20
    while not alerts.locator("[data-testid=overlay-alert]").count() and time.monotonic() < deadline:
        room.ask("POST", "/v1/events", event)
        alerts.wait_for_timeout(300)
    assert "Kim follows now" in alerts.inner_text("[data-testid=overlay-alert]")
    room.ask("POST", f"/v1/streams/{stream}/overlay")
    page.wait_for_selector("[data-testid=overlay][data-ended=true]", state="attached")
    assert page.locator("[data-testid=overlay-message]").count() == 0
    for one in (page, alerts):
        one.context.close()


def _joined(room: Room, page: Page) -> bool:
    return page.locator("[data-testid=overlay]").get_attribute("data-ended") == "false"


def test_nothing_that_people_write_is_carried_out(room: Room) -> None:
    """150 payloads as message, name, quote, emoji search and in an overlay's address: no script, no report."""
    voice = room.person("Lena")
    page = room.open("Anna")
    for number, payload in enumerate(PAYLOADS):
        text = payload.strip()[:900].lstrip("/") or "x"
        first = voice.wire.call("chat.send", channel=voice.channel, cid=f"x{number}", text=text)
        if first["ok"]:
            voice.wire.call(
                "chat.send", channel=voice.channel, cid=f"r{number}", text="answer", reply_to=first["id"]
            )
    for number, payload in enumerate(PAYLOADS[::5]):
        name = re.sub(r"[\x00-\x1f\x7f]", " ", payload)[:80]
        token = room.show.tokens.mint_user(
            f"usr-x{number}", room.show.app, name, 600, roles={}, badges=[name[:40]]
        )
        wire = Wire(room.show.stack.http)
        wire.read()
        if "sid" in wire.sign_in(token) and wire.call("channel.join", channel=room.show.channel)["ok"]:
            wire.call("chat.send", channel=room.show.channel, cid="n", text="hello")
        wire.__exit__()
    page.hover(".messages-list")
    for _ in range(25):
        page.mouse.wheel(0, -900)
        page.wait_for_timeout(40)
    page.click("[data-testid=emoji-button]")
    search = page.get_by_label("Search emoji")
    for payload in PAYLOADS:
        search.fill(payload[:200])
    page.keyboard.press("Escape")
    made = room.ask("POST", f"/v1/streams/{room.ask('GET', '/v1/streams')['data'][0]['id']}/overlay")
    overlay = room.context().new_page()
    for payload in PAYLOADS[::10]:
        overlay.goto(made["url"].split("#")[0])
        overlay.evaluate(
            "([text, key]) => location.replace(`?color=${encodeURIComponent(text)}&font=${encodeURIComponent(text)}&size=${encodeURIComponent(text)}#${key}`)",
            [payload, made["key"]],
        )
        overlay.wait_for_selector("[data-testid=overlay]")
    for one in (page, overlay):
        assert one.evaluate("window.reports") == []
        assert one.evaluate("window.owned ?? null") is None
        one.context.close()
