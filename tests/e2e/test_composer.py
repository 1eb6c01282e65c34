"""The composer in Chromium: commands and names are offered, with the keyboard and on a phone, and a typo is
asked back."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.attack.wire import Wire
from tests.e2e.browsing import OUTPUT, Viewer
from tests.e2e.conftest import Show
from tests.support.servers import wait_until
from weir.foundation.ids import new_id

INPUT = "[data-testid=chat-input]"
OPTION = "[data-testid=suggestion]"
NAMES = ("Ben", "Ben", "نور الهدى", "Zoë whose name is as long as one may be")


class Person:
    """A person in the chat, without a page."""

    def __init__(self, show: Show, name: str | None = None) -> None:
        seat = show.session(name)
        self.id, self.name, self._channel = seat["user"]["id"], seat["user"]["name"], show.channel
        self.wire = Wire(show.stack.http)
        self.wire.read()
        assert "sid" in self.wire.sign_in(seat["user_token"])
        assert self.wire.call("channel.join", channel=show.channel)["ok"]

    def say(self, text: str) -> dict[str, Any]:
        return dict(self.wire.call("chat.send", channel=self._channel, cid=new_id("msg"), text=text))


def seat(show: Show, role: str, uid: str = "usr-olga", name: str = "Olga") -> str:
    token = show.tokens.mint_user(uid, show.app, name, 3600, roles={show.channel: role})
    return f"{show.card['watch']}#user={token}"


def options(viewer: Viewer) -> list[str]:
    return [text.replace("\n", " ") for text in viewer.page.locator(OPTION).all_inner_texts()]


def typed(viewer: Viewer) -> str:
    return viewer.page.input_value(INPUT)


@pytest.mark.parametrize(
    ("scheme", "width", "height"), [("dark", 1280, 800), ("light", 390, 844), ("light", 320, 568)]
)
def test_commands_and_names_are_offered(
    show: Show, browser: Browser, scheme: str, width: int, height: int
) -> None:
    """Arrow keys, Tab, Enter and Escape; a screen reader gets a list; nothing is wider than the page."""
    people = [Person(show, name) for name in (f"Anna {width} von Trapp", *NAMES)]
    for one in people:
        assert one.say(f"hello from {one.name} {width}")["ok"]
    viewer = Viewer(
        browser, seat(show, "moderator"), viewport={"width": width, "height": height}, color_scheme=scheme
    )
    page = viewer.page
    viewer.until("connection-state", "Connected")
    viewer.to_chat()
    page.click(INPUT)
    page.keyboard.type("/")
    wait_until(lambda: len(options(viewer)) > 25, "the commands of a moderator")
    assert not any(text.startswith("/mod ") for text in options(viewer))
    field = page.get_by_role("textbox", name="Message")
    assert field.get_attribute("aria-haspopup") == "listbox"
    assert page.get_by_role("listbox", name="Commands").get_by_role("option").count() == len(options(viewer))
    page.screenshot(path=OUTPUT / f"composer-commands-{scheme}-{width}.png")
    page.keyboard.press("ArrowDown")
    second = page.locator(f"#{field.get_attribute('aria-activedescendant')}".replace(":", r"\:"))
    assert second.inner_text().startswith("/unban")
    page.keyboard.press("Escape")
    assert options(viewer) == []
    page.keyboard.type("ban")
    wait_until(lambda: options(viewer) != [], "the list again")
    page.keyboard.press("Enter")
    assert typed(viewer) == "/ban "
    wait_until(lambda: any("نور" in text for text in options(viewer)), "the people")
    page.screenshot(path=OUTPUT / f"composer-people-{scheme}-{width}.png")
    page.keyboard.type(f"anna {width}")
    wait_until(lambda: len({*options(viewer)}) == 1, "the one person")
    page.keyboard.press("Tab")
    assert typed(viewer).startswith("/ban @"), typed(viewer)
    page.fill(INPUT, "")
    page.keyboard.type("hello @نو")
    wait_until(lambda: any("نور" in text for text in options(viewer)), "a name in Arabic")
    page.screenshot(path=OUTPUT / f"composer-arabic-{scheme}-{width}.png")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert viewer.errors == []
    viewer.close()
    for one in people:
        one.wire.__exit__()


def test_a_viewer_is_offered_what_viewers_may(show: Show, browser: Browser) -> None:
    """And no more by /help."""
    viewer = Viewer(browser, show.card["watch"])
    viewer.until("connection-state", "Connected")
    viewer.page.click(INPUT)
    viewer.page.keyboard.type("/")
    wait_until(lambda: options(viewer) != [], "the commands of a viewer")
    assert [text.split()[0] for text in options(viewer)] == ["/mods", "/me", "/help"]
    viewer.page.keyboard.type("mods")
    viewer.page.keyboard.press("Enter")  # what is written in full goes out
    viewer.until("chat-reply", "No moderators")
    viewer.say("/help")
    viewer.until("chat-reply", "/mods")
    assert "/ban" not in viewer.text("chat-reply")
    viewer.close()


def test_a_typo_is_asked_back(show: Show, browser: Browser) -> None:
    """The guest whose name was meant is offered as a button; no one is banned before it is pressed."""
    guest = Person(show)
    viewer = Viewer(browser, seat(show, "owner"), color_scheme="dark")
    viewer.until("connection-state", "Connected")
    viewer.say(f"/ban {guest.name[:-1]} spam")
    viewer.until("chat-reply", "Nobody here is called")
    assert "was banned" not in viewer.text("chat-note")
    assert guest.say("still here")["ok"]
    viewer.page.screenshot(path=OUTPUT / "composer-choice-dark.png")
    viewer.page.locator("[data-testid=choice]", has_text=guest.name).first.click()
    viewer.until("chat-reply", f"{guest.name} is banned.")
    assert guest.say("gone")["error"]["code"] == "banned"
    guest.wire.__exit__()
    viewer.close()


def test_a_guest_keeps_the_old_name_where_the_new_one_is_the_hosts(show: Show, browser: Browser) -> None:
    """The page says so, shows the old name, and messages appear under it."""
    host = Viewer(browser, seat(show, "owner", "usr-hanna", "Hanna Host"))
    host.until("connection-state", "Connected")
    guest = Viewer(browser, show.card["watch"])
    guest.until("name", "Chatting as")
    before = guest.text("name")
    guest.page.click("[data-testid=name]")
    guest.page.fill("[data-testid=name-input]", "Hаnnа H0st")
    guest.page.click("[data-testid=name-save]")
    guest.until("chat-reply", "is the name of somebody who belongs to this chat")
    guest.until("name", before)
    guest.page.screenshot(path=OUTPUT / "composer-name-refused.png")
    guest.say("who am I")
    name = before.removeprefix("Chatting as ").strip()
    wait_until(
        lambda: any(text.startswith(name) and "who am I" in text for _, text in host.messages()),
        "the message under the old name",
    )
    assert guest.errors == []
    guest.close()
    host.close()


def test_who_was_shut_out_reads_it_after_a_reload(show: Show, browser: Browser) -> None:
    """Not that the chat is loading; with the reason, which is shown to no one else."""
    host = Viewer(browser, seat(show, "owner", "usr-boss", "Boss"))
    guest = Viewer(browser, show.card["watch"], viewport={"width": 390, "height": 844})
    other = Viewer(browser, show.card["watch"])
    for viewer in (host, guest, other):
        viewer.until("connection-state", "Connected")
    name = guest.text("name").removeprefix("Chatting as ").strip()
    host.say(f"/warn {name} mind your words")
    guest.until("chat-reply", "Warning from a moderator: mind your words")
    host.say(f"/ban {name} for being rude")
    guest.until("chat-notice", "Reason: for being rude")
    other.until("chat-note", f"{name} was banned")
    assert "rude" not in other.page.inner_text("body")
    guest.page.reload()
    guest.until("chat-notice", "You are banned from this channel. Reason: for being rude")
    assert "Loading" not in guest.page.inner_text(".chat")
    guest.page.screenshot(path=OUTPUT / "composer-banned-390.png")
    for viewer in (host, guest, other):
        assert viewer.errors == []
        viewer.close()


def test_a_banned_guest_does_not_come_back_as_another(
    make_stack: Callable[..., Show], browser: Browser
) -> None:
    """Storage cleared and the page loaded anew: another person, another browser, the same address. Who was
    here before stays, and who is banned from all channels reads so at once."""
    show = make_stack(GUEST_ADDRESS_BAN_H=24)
    staff = show.tokens.mint_user(
        "usr-boss", show.app, "Boss", 3600, roles={show.channel: "owner"}, staff=True
    )
    host = Viewer(browser, f"{show.card['watch']}#user={staff}")
    guest = Viewer(browser, show.card["watch"], viewport={"width": 390, "height": 844})
    other = Viewer(browser, show.card["watch"], viewport={"width": 320, "height": 568}, color_scheme="light")
    for viewer in (host, guest, other):
        viewer.until("connection-state", "Connected")
    name = guest.text("name").removeprefix("Chatting as ").strip()
    host.say(f"/ban {name} everywhere 7d spam")
    host.until("chat-reply", f"{name} is banned in all channels for 7 days.")
    guest.until("chat-notice", "Reason: spam")
    guest.page.evaluate("localStorage.clear()")
    guest.page.reload()
    guest.until("chat-notice", "You are banned from all channels here.")
    guest.page.screenshot(path=OUTPUT / "banned-everywhere-390.png")
    other.to_chat()
    other.say("still here")
    wait_until(
        lambda: any("still here" in text for _, text in host.messages()), "the message of who was here before"
    )
    host.page.click("[data-testid=undo]")
    host.until("chat-reply", f"Taken back: ban of {name}.")
    guest.page.reload()
    guest.until("connection-state", "Connected")
    host.say("/guestwait 10m")
    guest.until("chat-notice", "You are new here: you may write in 9 min")
    assert "New guests may write after 10 min." in guest.text("chat-rule")
    other.until("chat-notice", "You are new here")
    for viewer, width in ((guest, 390), (other, 320)):
        assert viewer.page.evaluate("document.documentElement.scrollWidth") == width
        viewer.page.screenshot(path=OUTPUT / f"guest-wait-{width}.png")
    host.say("/guestsread")
    guest.until("chat-rule", "Guests may only read: sign in to write.")
    assert guest.page.is_disabled(INPUT)
    for viewer in (host, guest, other):
        assert viewer.errors == []
        viewer.close()
