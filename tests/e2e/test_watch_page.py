"""What surrounds the picture in the watch page, and what viewers do with the player: one stream off air, on
air, and afterwards."""

import asyncio
import base64
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, Page

from tests.control.followers.test_mails import Server
from tests.e2e.browsing import OUTPUT, VIDEO
from tests.e2e.chatting import Crowd
from tests.e2e.conftest import SMALL, Show
from tests.support.running_stack import RunningStack
from tests.support.servers import wait_until
from weir.foundation.clock import now_ms, rfc3339

PAYLOADS: list[str] = json.loads(
    (Path(__file__).resolve().parents[2] / "player/packages/watch/tests/payloads.json").read_text()
)
WATCHED = """
window.reports = [];
document.addEventListener('securitypolicyviolation', (event) => reports.push(event.violatedDirective + ' ' + event.blockedURI));
"""
HOUR_MS = 3_600_000


class Stage:
    """A stack with one stream, its owner, and pages of it. `failures` are what went wrong in pages."""

    def __init__(self, show: Show, browser: Browser, mails: Server) -> None:
        self.show, self.browser, self.mails, self.failures = show, browser, mails, list[str]()
        self.member = show.member()
        self.stream = show.stack.ask("GET", "/v1/streams", headers=self.member)[1]["data"][0]["id"]

    def set(self, **fields: Any) -> None:
        status, answer = self.show.stack.ask("PATCH", f"/v1/streams/{self.stream}", fields, self.member)
        assert status == 200, answer

    def open(self, path: str = "", script: str = "", clock: bool = False, **options: Any) -> Page:
        """A page of the stream, or of the address. Nothing outside this machine is asked."""
        context = self.browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        context.route(re.compile("^https://"), lambda route: route.abort())
        page = context.new_page()
        page.add_init_script(WATCHED + script)
        page.on("pageerror", lambda error: self.failures.append(str(error)))
        page.on("dialog", lambda dialog: self.failures.append(dialog.message))
        if clock:
            page.clock.install()
        base = self.show.stack.address if path.startswith("/") else self.show.card["watch"]
        page.goto(base + path)
        return page

    def recording(self) -> str:
        return str(self.show.stack.get(f"/v1/watch/{self.show.playback}/recordings")[1]["data"][0]["id"])


@pytest.fixture(scope="module")
def mails() -> Iterator[Server]:
    """A mail server with the manners of a good one."""
    crowd, server = Crowd(), Server(bad=False)
    listening = crowd.run(asyncio.start_server(server.serve, "127.0.0.1", 0))
    server.port = listening.sockets[0].getsockname()[1]
    yield server
    listening.close()
    crowd.close()


@pytest.fixture(scope="module")
def stage(browser: Browser, mails: Server) -> Iterator[Stage]:
    own = {"LADDER": "[360,240]", "RECONNECT_GRACE_S": 1, "SMTP_URL": f"smtp://127.0.0.1:{mails.port}"}
    stack = RunningStack(**{**SMALL, **own}).start()
    stage = Stage(Show(stack), browser, mails)
    yield stage
    stack.remove()
    assert stage.failures == []


@pytest.fixture(scope="module")
def on_air(stage: Stage) -> Iterator[Stage]:
    publisher = stage.show.publish()
    stage.show.wait_state("live")
    yield stage
    publisher.stop()


@pytest.fixture(scope="module")
def recorded(on_air: Stage) -> str:
    """The id of the finished broadcast's recording. The stream is off air from now on."""
    on_air.show.publisher.stop()
    on_air.show.wait_state("idle")
    found = f"/v1/watch/{on_air.show.playback}/recordings"
    wait_until(lambda: on_air.show.stack.get(found)[1]["data"] != [], "the recording", 40)
    return on_air.recording()


def browser_keys() -> tuple[str, str]:
    """Public key and secret of a push subscription, as a browser makes them."""
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    raw = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return tuple(base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one in (raw, bytes(16)))  # type: ignore[return-value]


def played(page: Page) -> float:
    return float(page.eval_on_selector(VIDEO, "video => video.currentTime"))


def until_played(page: Page, seconds: float = 0.5) -> None:
    wait_until(lambda: played(page) > seconds, "the picture", 40)


def choose(page: Page, entry: str, option: str) -> None:
    """In the menu of the gear."""
    page.mouse.move(400, 300)
    page.click("[data-testid=settings-button]")
    page.click(f"[data-testid=settings-{entry}]")
    page.click(f"[data-testid=quality-option][data-height='{option}']")


def look(page: Page, name: str) -> None:
    page.screenshot(path=OUTPUT / f"page-{name}.png")


# -- off air


def test_the_page_says_who_streams_what_and_when(stage: Stage) -> None:
    """All that the owner has set, the next broadcast with a countdown, and a file for calendars."""
    soon = now_ms() + 2 * HOUR_MS
    stage.set(
        title="Evening", description="Come **in**.\n\n" + "\n\n".join(f"Line {one}" for one in range(9)),
        category="Music", tags=["jazz", "مباشر"], streamer="Ada", avatar="https://a.example/gone.png",
        links=[{"label": "Shop", "url": "https://shop.example/x"}],
        schedule=[{"starts_at": rfc3339(soon), "title": "Quiz, and more"}],
    )  # fmt: skip
    page = stage.open(timezone_id="Asia/Tokyo")
    page.wait_for_selector("text=Come in.")
    assert page.inner_text("h1") == "Evening"
    assert page.title() == "Evening"
    assert page.inner_text(".meta [data-testid=avatar]") == "A", "a picture that can't be loaded"
    assert page.locator(".tags li").all_inner_texts() == ["jazz", "مباشر"]
    link = page.get_by_role("link", name="Shop")
    assert (link.get_attribute("href"), link.get_attribute("rel")) == (
        "https://shop.example/x",
        "noopener noreferrer nofollow",
    )
    assert "shop.example" in link.inner_text()
    more = page.get_by_role("button", name="Show more")
    box = page.locator("[data-testid=description]")
    cut = box.evaluate("one => one.clientHeight")
    more.click()
    assert box.evaluate("one => one.clientHeight") > cut
    shown = page.inner_text("[data-testid=next-show]")
    tokyo = time.strftime("%H:%M", time.gmtime(soon / 1000 + 9 * 3600))
    assert "Quiz, and more" in shown
    assert tokyo in shown, "the reader's time zone"
    before = page.inner_text("[data-testid=countdown]")
    assert re.fullmatch(r"in 1 h 59 min|in 2 h", before), before
    with page.expect_download() as got:
        page.locator("[data-testid=to-calendar]").first.click()
    assert got.value.suggested_filename == "broadcast.ics"
    assert "SUMMARY:Quiz\\, and more" in Path(got.value.path()).read_text()
    assert page.locator("[data-testid=past-shows]").count() == 0, "nothing of what is not"
    look(page, "offline")
    page.context.close()


def test_hostile_texts_stay_texts(stage: Stage) -> None:
    """As title, description, name, tags and labels: nothing runs, nothing is reported, and links lead to the
    web alone."""
    page = stage.open()
    page.wait_for_selector("h1:has-text('Evening')")
    page.get_by_role("button", name="Show more").click()
    texts = [re.sub(r"[\x00-\x1f\u202e]", " ", one).strip() for one in PAYLOADS]
    assert len(texts) == 150
    for at in range(0, len(texts), 10):
        chunk = texts[at : at + 10]
        tags = list({one[:30].strip().casefold(): one[:30].strip() for one in chunk}.values())
        stage.set(
            title=f"{at} {' '.join(chunk)}"[:140].strip(), description="\n\n".join(chunk)[:2000], category=chunk[0][:60],
            tags=tags, links=[{"label": one[:40].strip(), "url": f"https://a.example/{at}"} for one in chunk[:8]],
        )  # fmt: skip
        page.evaluate("window.dispatchEvent(new Event('online'))")  # what makes the page ask at once
        wait_until(lambda at=at: page.title().startswith(f"{at} "), "the new title")
    state = page.evaluate("[window.owned ?? null, window.reports, document.title]")
    assert state[:2] == [None, []]
    assert page.evaluate(
        "[...document.querySelectorAll('main a')].every(one => /^https?:$/.test(one.protocol))"
    )
    page.click("[data-testid=share]")
    page.wait_for_selector("[data-testid=qr] svg")
    look(page, "hostile")
    page.reload()
    page.wait_for_selector(".tags li")
    assert page.evaluate("[window.owned ?? null, window.reports]") == [None, []]
    stage.set(title="Evening", description="Come in.", links=[], tags=[], category="", streamer="")
    page.context.close()


def test_a_link_is_shared_without_anybodys_token(stage: Stage) -> None:
    """Link, code to embed and QR code; the dialog keeps the focus, closes on Escape and gives it back."""
    page = stage.open("#token=secret", permissions=["clipboard-read", "clipboard-write"])
    page.focus("[data-testid=share]")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-testid=qr] svg")
    assert page.input_value("[data-testid=share-link]") == stage.show.card["watch"]
    page.click("[data-testid=copy-embed]")
    page.wait_for_selector("text=Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(
        f'<iframe src="{stage.show.card["watch"].replace("/watch/", "/embed/")}" title="Evening"'
    )
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement.closest('dialog') !== null || document.activeElement === document.body"
        )
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    assert page.evaluate("document.activeElement.dataset.testid") == "share"
    page.context.close()


def test_language_and_theme_are_kept(stage: Stage) -> None:
    """Arabic turns the page round, but not the time line; both choices outlive a reload."""
    page = stage.open(color_scheme="light")
    page.select_option("[data-testid=theme]", "dark")
    page.select_option("[data-testid=language]", "ar")
    page.wait_for_selector("html[dir=rtl]")
    page.wait_for_selector("[data-testid=language]")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    look(page, "arabic")
    page.context.close()


def test_following_says_what_the_server_answered(stage: Stage) -> None:
    """By e-mail a mail asks first; a browser's notifications begin and end; who has forbidden them reads so."""
    public, secret = browser_keys()
    subscribed = """
    PushManager.prototype.subscribe = async function (options) {
      window.asked = options;
      return { toJSON: () => ({ endpoint: 'https://push.example/one', keys: { p256dh: 'PUBLIC', auth: 'SECRET' } }) };
    };
    """.replace("PUBLIC", public).replace("SECRET", secret)  # the push service is the outside world
    page = stage.open(script=subscribed, permissions=["notifications"])
    page.click("[data-testid=follow]")
    page.fill("[data-testid=follow-email]", "ann@weir.example")
    page.click("[data-testid=follow-send]")
    page.wait_for_selector("[data-testid=follow-said][data-good=true] >> text=Check your e-mail")
    wait_until(lambda: stage.mails.taken == ["ann@weir.example"], "the mail")
    page.click("[data-testid=follow-push]")
    page.wait_for_selector("[data-testid=follow-said][data-good=true] >> text=notification")
    assert page.evaluate("window.asked.userVisibleOnly")
    assert page.evaluate("navigator.serviceWorker.getRegistration().then((one) => one.scope)").endswith("/")
    listed = f"/v1/streams/{stage.stream}/followers"

    def kinds() -> list[str]:
        return [one["kind"] for one in stage.show.stack.ask("GET", listed, headers=stage.member)[1]["data"]]

    assert sorted(kinds()) == ["email", "push"]
    look(page, "follow")
    page.get_by_role("button", name="Stop notifications").click()
    page.wait_for_selector("[data-testid=follow-said][data-good=true] >> text=no more notifications")
    assert kinds() == ["email"]
    page.context.close()
    refused = stage.open(script="Notification.requestPermission = async () => 'denied';")
    refused.click("[data-testid=follow]")
    refused.click("[data-testid=follow-push]")
    refused.wait_for_selector("[data-good=false] >> text=does not allow notifications")
    refused.context.close()


# -- on air


def test_quality_is_kept_for_the_next_visit(on_air: Stage) -> None:
    """A chosen height is, automatic stays automatic; less data is the lowest."""
    page = on_air.open()
    until_played(page)
    choose(page, "quality", "240")
    wait_until(lambda: page.eval_on_selector(VIDEO, "video => video.videoHeight") == 240, "240 lines")
    page.reload()
    until_played(page)
    assert page.eval_on_selector(VIDEO, "video => video.videoHeight") == 240
    choose(page, "quality", "auto")
    page.mouse.move(401, 301)
    page.click("[data-testid=settings-button]")
    page.click("[data-height=saving]")
    assert page.locator("[data-height=saving]").get_attribute("aria-checked") == "true"
    wait_until(lambda: page.eval_on_selector(VIDEO, "video => video.videoHeight") == 240, "240 lines")
    page.click("[data-testid=settings-quality]")
    details = page.locator("[data-height='360'] .menu-detail").inner_text()
    assert re.fullmatch(r"30 fps · .* [kM]b/s", details), details
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.dataset.testid") == "settings-button"
    page.context.close()


def test_theatre_and_full_screen(on_air: Stage) -> None:
    """`t` gives the picture the whole width and is remembered; `f` fills the screen, with the chat on request."""
    page = on_air.open()
    until_played(page)
    assert page.inner_text("[data-testid=viewer-count]").endswith(("viewer", "viewers"))
    first = page.inner_text("[data-testid=on-air-for]")
    wait_until(lambda: page.inner_text("[data-testid=on-air-for]") != first, "the next second")
    look(page, "live")
    page.keyboard.press("t")
    width = "document.querySelector('.player').getBoundingClientRect().width"
    wait_until(lambda: page.evaluate(width) == 1440, "the whole width")
    page.reload()
    until_played(page)
    assert page.evaluate(width) == 1440
    look(page, "theatre")
    page.keyboard.press("f")
    wait_until(lambda: page.evaluate("document.fullscreenElement !== null"), "the page")
    page.wait_for_selector("[data-testid=chat-input]", state="hidden")
    page.mouse.move(500, 400)
    page.get_by_role("button", name="Show the chat").click()
    page.wait_for_selector("[data-testid=chat-input]")
    look(page, "full-screen")
    page.fill("[data-testid=chat-input]", "tf from the full screen")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-testid=chat-message] >> text=from the full screen")
    page.context.close()


def test_a_phone_has_two_tabs(on_air: Stage) -> None:
    """The chat first while live; what there is to read on request, with the picture in sight."""
    for width, height in ((390, 844), (320, 700)):
        page = on_air.open(viewport={"width": width, "height": height}, has_touch=True, is_mobile=True)
        page.wait_for_selector("[data-testid=chat-input]")
        assert page.get_by_role("tab", name="Chat").get_attribute("aria-selected") == "true"
        page.get_by_role("tab", name="About").click()
        page.wait_for_selector("text=Come in.")
        page.wait_for_selector("[data-testid=chat-input]", state="hidden")
        page.locator("[data-testid=theme]").scroll_into_view_if_needed()
        picture = page.locator(VIDEO).bounding_box()
        assert picture is not None
        assert picture["y"] == 0
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        look(page, f"phone-{width}")
        page.context.close()


def test_nothing_lies_on_the_offer_of_sound(on_air: Stage) -> None:
    """Neither the statistics nor the list of keys; answered, it is gone."""
    for width in (320, 1440):
        page = on_air.open(viewport={"width": width, "height": 700})
        page.wait_for_selector(".sound-offer")
        for key, name in (("i", "statistics"), ("?", "keys")):
            page.keyboard.press(key)
            panel = page.locator(f"[data-testid=panel-{name}]").bounding_box()
            offer = page.locator(".sound-offer").bounding_box()
            assert panel is not None
            assert offer is not None
            apart = panel["y"] + panel["height"] <= offer["y"] or offer["y"] + offer["height"] <= panel["y"]
            assert apart, (width, name, panel, offer)
        page.keyboard.press("Escape")
        page.click(".sound-offer")
        page.wait_for_selector(".sound-offer", state="detached")
        assert page.eval_on_selector(VIDEO, "video => !video.muted")
        page.context.close()


def test_a_browser_without_the_codec_is_told_what_to_do(on_air: Stage) -> None:
    """Words instead of tries without end."""
    none = "const known = MediaSource.isTypeSupported; MediaSource.isTypeSupported = (type) => /avc1.42E01E/i.test(type) && known(type);"
    page = on_air.open(script=none)
    page.wait_for_selector("text=This browser cannot play this format")
    assert "another browser" in page.inner_text("[data-testid=notice]")
    page.context.close()


def test_a_browser_that_refuses_to_begin_offers_it(on_air: Stage) -> None:
    """One click plays."""
    refused = """
    const play = HTMLMediaElement.prototype.play;
    let gesture = false;
    addEventListener('click', () => { gesture = true; }, true);
    HTMLMediaElement.prototype.play = function () {
      if (gesture) return play.call(this);
      this.dispatchEvent(new Event('playing'));  // the first picture is there, and stands
      return Promise.reject(new DOMException('no', 'NotAllowedError'));
    };
    """
    page = on_air.open(script=refused)
    page.click(".big-play")
    until_played(page)
    page.context.close()


def test_a_page_in_the_background_returns_to_the_present(on_air: Stage) -> None:
    """What the browser paused goes on at the live edge; what the viewer paused stays."""
    hidden = "let away = false; Object.defineProperty(document, 'hidden', { get: () => away });"
    page = on_air.open(
        script=hidden
        + "window.leave = (gone) => { away = gone; document.dispatchEvent(new Event('visibilitychange')); };"
    )
    until_played(page, 1)
    page.evaluate("leave(true)")
    page.eval_on_selector(VIDEO, "video => video.pause()")
    wait_until(lambda: page.evaluate("document.querySelector('.live').dataset.live === 'false'"), "the page")
    time.sleep(3)  # what is missed meanwhile
    stood = played(page)
    page.evaluate("leave(false)")
    wait_until(lambda: played(page) > stood + 2, "the present")
    page.wait_for_selector("[data-testid=live-indicator][data-live=true]")
    page.keyboard.press("k")
    page.evaluate("leave(true)")
    page.evaluate("leave(false)")
    assert page.eval_on_selector(VIDEO, "video => video.paused")
    page.context.close()


def test_a_machine_that_slept_has_a_fresh_session(on_air: Stage) -> None:
    """Hours later on its clock: new rights are asked for and the picture is that of now."""
    page = on_air.open(clock=True)
    until_played(page, 1)
    with page.expect_request("**/renew"), page.expect_request("**/master.m3u8"):
        page.clock.fast_forward("03:00:00")
    wait_until(
        lambda: page.eval_on_selector(VIDEO, "video => video.readyState > 2 && !video.paused"), "the picture"
    )
    page.wait_for_selector("[data-testid=live-indicator][data-live=true]")
    page.context.close()


def test_another_screen_is_offered_where_there_is_one(on_air: Stage) -> None:
    """By the browser's own word; else there is no button."""
    there = (
        "RemotePlayback.prototype.watchAvailability = (told) => { told(true); return Promise.resolve(1); };"
    )
    for script, count in ((there, 1), ("", 0)):
        page = on_air.open(script=script)
        until_played(page)
        page.wait_for_selector("[data-testid=settings-button]")  # beside it
        button = page.get_by_role("button", name="Play on another screen")
        wait_until(lambda button=button, count=count: button.count() == count, "the button, or none")
        page.context.close()


# -- afterwards


def test_the_end_says_what_was(recorded: str, stage: Stage) -> None:
    """The last broadcast large, with its picture, and below it among the others."""
    page = stage.open()
    page.wait_for_selector("[data-testid=to-recording]")
    page.wait_for_selector("[data-testid=poster][data-state=shown]")
    page.wait_for_selector("[data-testid=past-shows] .card")
    look(page, "over")
    page.click("[data-testid=past-shows] .card")
    page.wait_for_url(f"**/watch/{recorded}")
    until_played(page)
    assert page.inner_text("[data-testid=of-stream]") == "A recording of Evening"
    page.click("[data-testid=of-stream] a")
    page.wait_for_url(f"**/watch/{stage.show.playback}")
    page.context.close()


def test_a_recording_is_played_by_keys(recorded: str, stage: Stage) -> None:
    """From a place in the link; tenths, ends, steps, frames and speeds; the system knows what plays."""
    page = stage.open(f"/watch/{recorded}?t=0m6s")
    until_played(page, 6)
    video: Any = lambda what: page.eval_on_selector(VIDEO, f"video => video.{what}")
    assert page.evaluate("navigator.mediaSession.metadata.title") == "Evening"
    assert page.evaluate("navigator.mediaSession.metadata.artwork[0].src").endswith("/poster.jpg")
    page.keyboard.press("k")
    wait_until(lambda: video("paused"), "the pause")
    page.keyboard.press("5")
    wait_until(lambda: abs(played(page) - video("duration") / 2) < 0.1, "the middle")
    at = played(page)
    page.keyboard.press(".")
    wait_until(lambda: played(page) == pytest.approx(at + 1 / 30, abs=0.01), "a frame on")
    page.keyboard.press(",")
    wait_until(lambda: played(page) == pytest.approx(at, abs=0.01), "a frame back")
    page.keyboard.press("Home")
    wait_until(lambda: played(page) == 0, "the beginning")
    page.keyboard.press("l")
    wait_until(lambda: played(page) == 10, "ten seconds on")
    page.keyboard.press("j")
    wait_until(lambda: played(page) == 0, "ten seconds back")
    page.keyboard.press(">")
    page.keyboard.press("k")
    wait_until(lambda: video("playbackRate") == 1.25, "faster")
    choose(page, "speed", "speed-2")
    wait_until(lambda: video("playbackRate") == 2, "the chosen speed")
    page.keyboard.press("i")
    wait_until(lambda: "Codecs" in page.inner_text("[data-testid=panel-statistics]"), "the figures")
    text = page.inner_text("[data-testid=panel-statistics]")
    for known in ("Codecs", "30 per second", "2.00 ×", "%)"):
        assert known in text, text
    page.click("[data-testid=share]")
    page.get_by_label("Start at").check()
    assert re.search(r"\?t=\d+s$", page.input_value("[data-testid=share-link]"))
    look(page, "recording")
    page.context.close()


def test_an_embedded_player_leads_to_its_page(recorded: str, stage: Stage) -> None:
    """The same player without what surrounds it."""
    page = stage.open(f"/embed/{recorded}", viewport={"width": 480, "height": 270})
    until_played(page)
    link = page.get_by_role("link", name="Evening")
    assert (link.get_attribute("href"), link.get_attribute("target")) == (f"/watch/{recorded}", "_blank")
    assert page.locator(".meta, .chat").count() == 0
    look(page, "embed")
    page.context.close()
