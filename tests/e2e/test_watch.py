"""The watch page and the studio in Chromium, as viewers and a streamer use them."""

import re
import subprocess
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from bench.barcode import READER_JS
from tests.e2e.browsing import OUTPUT, VIDEO, Viewer
from tests.e2e.conftest import Show
from tests.e2e.studio import to_stream
from tests.support.servers import wait_until
from weir.foundation.ids import new_id


@pytest.fixture
def ladder_show(make_stack) -> Iterator[Show]:
    show: Show = make_stack(LADDER="[360,240]")
    publisher = show.publish()
    show.wait_state("live")
    yield show
    publisher.stop()


def _shares(viewers: tuple[Viewer, ...], seconds: float) -> list[float]:
    """How much of real time each picture advances."""
    began, played = time.monotonic(), [viewer.seconds_played() for viewer in viewers]
    time.sleep(seconds)
    took = time.monotonic() - began
    return [(viewer.seconds_played() - before) / took for viewer, before in zip(viewers, played, strict=True)]


def test_two_viewers_watch_and_talk(ladder_show: Show, browser: Browser) -> None:
    """Frames advance ≥ 90 % of real time for 20 s and change; both see the same chat in one order; the count
    says 2, 1, 0."""
    show = ladder_show
    one, two = (Viewer(browser, show.card["watch"]) for _ in range(2))
    for viewer in (one, two):
        wait_until(lambda viewer=viewer: viewer.seconds_played() > 0.5, "the picture", 30)
        viewer.until("connection-state", "Connected")
        viewer.page.evaluate(READER_JS, VIDEO)
    began = time.monotonic()
    played = [viewer.seconds_played() for viewer in (one, two)]
    for number in range(20):
        (one, two)[number % 2].say(f"message {number}")
        time.sleep(0.6)  # the pace of a conversation
    while time.monotonic() - began < 20:
        time.sleep(0.1)
    took = time.monotonic() - began
    shares = [
        (viewer.seconds_played() - before) / took for viewer, before in zip((one, two), played, strict=True)
    ]
    for _ in range(2):  # a machine that is busy with something else may take one window, not three
        shares = shares if min(shares) >= 0.9 else _shares((one, two), 20)
    assert min(shares) >= 0.9
    for viewer in (one, two):
        frames = viewer.page.evaluate("window.__frames.map(frame => frame[1])")
        assert len(set(frames)) >= 0.9 * 30 * took * 0.8, "the picture changes"
        assert frames == sorted(frames), "and time runs forward in it"
        assert viewer.errors == []
    wait_until(lambda: len(one.messages()) >= 20 and len(two.messages()) >= 20, "all messages on both pages")
    assert one.messages() == two.messages()
    numbers = [seq for seq, _ in one.messages()]
    assert numbers == sorted(numbers)
    assert [
        int(found[1]) for _, text in one.messages() if (found := re.search(r"message (\d+)", text))
    ] == list(range(20))
    for viewer in (one, two):
        viewer.until("viewer-count", "2")
    one.page.mouse.move(400, 300)
    one.page.screenshot(path=OUTPUT / "watch-desktop.png")
    two.close()
    one.until("viewer-count", "1", 15)
    one.close()
    wait_until(lambda: show.viewers() == 0, "an empty house", 15)


def test_the_quality_menu_changes_the_picture(ladder_show: Show, browser: Browser) -> None:
    """It offers auto and the rungs; picking one changes the height that is decoded."""
    viewer = Viewer(browser, ladder_show.card["watch"])
    wait_until(lambda: viewer.seconds_played() > 0.5, "the picture", 30)
    viewer.page.mouse.move(400, 300)
    viewer.page.click("[data-testid=settings-button]")
    viewer.page.click("[data-testid=settings-quality]")
    options = viewer.page.eval_on_selector_all(
        "[data-testid=quality-option]", "all => all.map(one => one.dataset.height)"
    )
    assert options == ["auto", "360", "240"]
    for height in ("240", "360"):
        if not viewer.page.locator("[data-testid=quality-option]").count():
            viewer.page.mouse.move(401, 301)
            viewer.page.click("[data-testid=settings-button]")
            viewer.page.click("[data-testid=settings-quality]")
        viewer.page.click(f"[data-testid=quality-option][data-height='{height}']")
        wait_until(
            lambda: str(viewer.page.eval_on_selector(VIDEO, "video => video.videoHeight")) == height,
            f"{height} lines",
        )
    viewer.close()


def test_a_viewer_without_a_line_misses_nothing(ladder_show: Show, browser: Browser) -> None:
    """Cut off for 5 s while another writes: what was written is shown afterwards, once and in order."""
    one, two = (Viewer(browser, ladder_show.card["watch"]) for _ in range(2))
    for viewer in (one, two):
        viewer.until("connection-state", "Connected")
    one.say("before")
    wait_until(lambda: any("before" in text for _, text in two.messages()), "the first message")
    two.context.set_offline(True)
    for number in range(5):
        one.say(f"missed {number}")
        time.sleep(0.5)  # with the pause below: 5 s without a line
    time.sleep(2.5)
    two.context.set_offline(False)
    wait_until(lambda: sum("missed" in text for _, text in two.messages()) >= 5, "what was missed", 40)
    assert two.messages() == one.messages()
    for viewer in (one, two):
        viewer.close()


def test_a_command_without_a_line_stays_with_its_writer(ladder_show: Show, browser: Browser) -> None:
    """A command is not kept for later: a command before the connection is there gets an error, and stays in
    the composer."""
    page = browser.new_context().new_page()
    page.route_web_socket("**/*", lambda line: None)
    page.goto(ladder_show.card["watch"])
    page.wait_for_selector("text=Chatting as")
    page.fill("[data-testid=chat-input]", "/slow 45s")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Not connected: the command was not sent.")
    assert page.input_value("[data-testid=chat-input]") == "/slow 45s"
    page.screenshot(path=OUTPUT / "watch-command-kept.png")
    page.context.close()


def test_script_in_chat_is_text(ladder_show: Show, browser: Browser) -> None:
    """Markup is shown, not run; too long a text is refused in words."""
    viewer = Viewer(browser, ladder_show.card["watch"])
    viewer.until("connection-state", "Connected")
    nasty = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    viewer.say(nasty)
    wait_until(lambda: any(nasty in text for _, text in viewer.messages()), "the text itself")
    assert "owned" not in viewer.page.title()
    viewer.close()


def test_the_page_says_what_the_stream_does(make_stack, browser: Browser) -> None:
    """Offline, live, interrupted, live again, ended: in words, and the picture resumes by itself after a
    dropped connection."""
    show: Show = make_stack(RECONNECT_GRACE_S=12)
    viewer = Viewer(browser, show.card["watch"])
    wait_until(lambda: viewer.text("stream-state") != "", "a word about the state")
    offline = viewer.text("stream-state")
    viewer.page.screenshot(path=OUTPUT / "watch-offline.png")
    publisher = show.publish()
    try:
        wait_until(lambda: viewer.seconds_played() > 1, "the picture without a reload", 40)
        live = viewer.text("stream-state")
        assert live != offline
        publisher.stop()
        wait_until(lambda: viewer.text("stream-state") not in (live, ""), "a word about the dropped line", 30)
        viewer.until("notice", "to be restored")
        assert viewer.page.locator("[data-testid=live-indicator]").count() == 0
        publisher = show.publish()
        viewer.page.evaluate(READER_JS, VIDEO)
        wait_until(lambda: viewer.text("stream-state") == live, "live again", 40)
        shown = viewer.page.evaluate("window.__frames.length")
        wait_until(
            lambda: viewer.page.evaluate("window.__frames.length") > shown + 60, "frames after the gap", 40
        )
    finally:
        publisher.stop()
    wait_until(lambda: show.state() == "idle", "the end of the broadcast", 30)
    wait_until(lambda: viewer.text("stream-state") not in (live, ""), "a word about the end", 30)
    viewer.page.wait_for_selector("[data-testid=to-recording]", timeout=40_000)
    viewer.page.screenshot(path=OUTPUT / "watch-ended.png")
    late = Viewer(browser, show.card["watch"], viewport={"width": 390, "height": 740}, color_scheme="dark")
    late.until("notice", "The last broadcast ended on")
    late.page.wait_for_selector("text=waiting")
    late.page.screenshot(path=OUTPUT / "watch-over-phone.png")
    late.page.click("[data-testid=to-recording]")
    wait_until(lambda: "/watch/rec_" in late.page.url and late.seconds_played() > 0.5, "the recording", 30)
    late.close()
    assert viewer.errors == []
    viewer.close()


def test_a_page_without_a_server_does_not_say_live(make_stack, browser: Browser) -> None:
    """Network off, network on, web server gone: no page says live or shows a count that is unknown; a text
    says what is happening."""
    show: Show = make_stack()
    publisher = show.publish()
    viewer = Viewer(browser, show.card["watch"])
    try:
        wait_until(lambda: viewer.seconds_played() > 1, "the picture", 40)
        viewer.context.set_offline(True)
        viewer.until("notice", "Trying again", 20)
        assert viewer.text("stream-state") == "Connection lost"
        assert "Live" not in viewer.page.inner_text("main")
        assert viewer.page.locator("[data-testid=viewer-count]").count() == 0
        viewer.page.screenshot(path=OUTPUT / "watch-lost.png")
        viewer.context.set_offline(False)
        viewer.until("stream-state", "Live", 20)
        viewer.until("live-indicator", "Live", 20)
        show.stack.stop()
        viewer.until("notice", "Trying again", 20)
        assert viewer.text("stream-state") == "Connection lost"
        assert "Live" not in viewer.page.inner_text("main")
    finally:
        publisher.stop()
    viewer.page.set_viewport_size({"width": 390, "height": 740})
    viewer.page.emulate_media(color_scheme="dark")
    viewer.page.screenshot(path=OUTPUT / "watch-lost-phone.png")
    assert viewer.errors == []
    viewer.close()


def test_the_page_works_under_any_name_of_this_machine(show: Show, browser: Browser) -> None:
    """Same origin is what the browser asked for, not what the settings say: localhost as well as 127.0.0.1."""
    viewer = Viewer(browser, show.card["watch"].replace("127.0.0.1", "localhost"))
    viewer.until("connection-state", "Connected")
    viewer.close()


def test_an_unknown_stream_is_said_in_words(show: Show, browser: Browser) -> None:
    """No blank page, no endless wheel."""
    viewer = Viewer(browser, f"http://127.0.0.1:{show.stack.http}/watch/{new_id('ply')}")
    wait_until(
        lambda: (
            "exist" in viewer.page.inner_text("body") or "no stream" in viewer.page.inner_text("body").lower()
        ),
        "the words",
    )
    viewer.close()


def test_withdrawn_access_is_said_in_words(ladder_show: Show, browser: Browser) -> None:
    """A revoked session's picture ends with a sentence, not with a frozen frame."""
    show = ladder_show
    viewer = Viewer(browser, show.card["watch"])
    wait_until(lambda: viewer.seconds_played() > 0.5, "the picture", 30)
    token = re.search(
        r"/hls/([^/]+)/",
        " ".join(viewer.page.evaluate("performance.getEntriesByType('resource').map(one => one.name)")),
    )
    assert token is not None
    tenant = show.tokens.mint("weir:app", 600, sub="acc_test", app=show.app, role="owner")
    sid = show.claims(token[1])["sid"]
    assert (
        show.stack.ask("POST", "/v1/revocations", {"session": sid}, {"Authorization": f"Bearer {tenant}"})[0]
        == 201
    )
    wait_until(lambda: "withdrawn" in viewer.page.inner_text("body").lower(), "the words", 25)
    viewer.page.screenshot(path=OUTPUT / "watch-withdrawn.png")
    viewer.close()


def test_the_streamer_finds_everything_in_the_studio(ladder_show: Show, browser: Browser) -> None:
    """The one-time link makes the owner; state, preview, count and OBS fields are there; reload stays signed
    in; sign-out ends it."""
    show = ladder_show
    studio = Viewer(browser, show.card["studio"])
    page = studio.page
    page.get_by_label("Your name").fill("Ann")
    page.get_by_label("E-mail").fill("ann@weir.example")
    page.get_by_label("Password").fill("a long password")
    page.get_by_role("button", name="Create account").click()
    to_stream(page)
    page.wait_for_selector(f"input[value='{show.card['server']}']")
    wait_until(lambda: "live" in page.inner_text("body").lower(), "the state")
    assert page.locator(VIDEO).count() == 0, "what counts as a viewer plays when it is asked to"
    page.click("[data-testid=show-preview]")
    page.wait_for_selector(VIDEO)
    wait_until(lambda: studio.seconds_played() > 0.5, "the preview", 40)
    assert show.card["key"] not in page.inner_text("body")
    page.screenshot(path=OUTPUT / "studio.png")
    page.reload()
    page.wait_for_selector(f"input[value='{show.card['server']}']")
    page.click("[data-testid=account]")
    page.click("[data-testid=sign-out]")
    wait_until(lambda: page.get_by_label("Password").count() > 0, "the sign-in form")
    page.reload()
    wait_until(lambda: page.get_by_label("Password").count() > 0, "the sign-in form after a reload")
    assert studio.errors == []
    studio.close()


def test_sound_alone_has_a_poster(make_stack, browser: Browser) -> None:
    """The title is shown where there is no picture, and the sound runs under it."""
    show: Show = make_stack()
    argv = [
        "ffmpeg",
        "-nostdin",
        "-v",
        "error",
        "-re",
        "-f",
        "lavfi",
        "-i",
        "sine",
        "-c:a",
        "aac",
        "-f",
        "flv",
    ]
    with subprocess.Popen(
        [*argv, f"{show.card['server']}/{show.card['key']}"], stderr=subprocess.DEVNULL
    ) as encoder:
        try:
            viewer = Viewer(browser, show.card["watch"], viewport={"width": 390, "height": 740})
            viewer.until("sound-poster", "My stream", 40)
            wait_until(lambda: viewer.seconds_played() > 1, "the sound", 30)
            viewer.page.screenshot(path=OUTPUT / "watch-sound-alone.png")
            viewer.page.wait_for_selector(".sound-offer", state="detached")  # by itself
            viewer.close()
            embed = Viewer(
                browser,
                show.card["watch"].replace("/watch/", "/embed/"),
                viewport={"width": 320, "height": 180},
            )
            embed.page.wait_for_selector(".sound-offer")
            offer, title = (embed.page.locator(one).bounding_box() for one in (".sound-offer", ".embed-head"))
            assert offer is not None
            assert title is not None
            assert title["y"] + title["height"] <= offer["y"], "the title can be read"
            embed.page.screenshot(path=OUTPUT / "embed-sound-alone.png")
            embed.close()
        finally:
            encoder.kill()


def test_the_owner_sees_the_own_signed_stream(make_stack, browser: Browser) -> None:
    """In the preview, as host, and by a link made in the studio; the bare address stays closed."""
    show: Show = make_stack()
    publisher = show.publish()
    show.wait_state("live")
    member = show.member()
    stream = show.stack.ask("GET", "/v1/streams", headers=member)[1]["data"][0]["id"]
    assert show.stack.ask("PATCH", f"/v1/streams/{stream}", {"visibility": "signed"}, member)[0] == 200
    studio = Viewer(browser, f"http://127.0.0.1:{show.stack.http}/studio")
    page = studio.page
    page.get_by_label("E-mail").fill("o@w.example")
    page.get_by_label("Password").fill("a long password")
    page.click("[data-testid=submit]")
    to_stream(page)
    page.wait_for_selector("[data-testid=signed]")
    page.click("[data-testid=show-preview]")
    page.wait_for_selector(VIDEO)
    wait_until(lambda: studio.seconds_played() > 0.5, "the preview", 40)
    with page.expect_popup() as popped:
        page.click("[data-testid=take-seat]")
    popped.value.wait_for_selector("text=Chatting as ")
    wait_until(
        lambda: popped.value.eval_on_selector(VIDEO, "video => video.currentTime") > 0.5,
        "the picture as host",
        40,
    )
    page.click("[data-testid=make-link]")
    link = page.input_value("[data-testid=signed-link]")
    for width, scheme in ((1280, "light"), (390, "dark"), (320, "light")):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.screenshot(path=OUTPUT / f"studio-signed-{width}.png", full_page=True)
    guest = Viewer(browser, link)
    wait_until(lambda: guest.seconds_played() > 0.5, "the picture by the link", 40)
    stranger = Viewer(browser, show.card["watch"])
    stranger.until("notice", "link")
    publisher.stop()
    assert studio.errors == []
    for one in (studio, guest, stranger):
        one.close()


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_the_page_fits_a_phone(ladder_show: Show, browser: Browser, scheme: str) -> None:
    """Nothing is wider than the screen, the chat is below the picture, the composer can be reached."""
    viewer = Viewer(
        browser, ladder_show.card["watch"], viewport={"width": 360, "height": 740}, color_scheme=scheme
    )
    viewer.until("connection-state", "Connected")
    wait_until(lambda: viewer.seconds_played() > 0.5, "the picture", 30)
    assert viewer.page.evaluate("document.documentElement.scrollWidth") <= 360
    picture = viewer.page.locator(VIDEO).bounding_box()
    composer = viewer.page.locator("[data-testid=chat-input]").bounding_box()
    assert picture is not None
    assert composer is not None
    assert picture["y"] + picture["height"] <= composer["y"] <= 740 - composer["height"]
    viewer.page.screenshot(path=OUTPUT / f"watch-phone-{scheme}.png")
    viewer.close()
