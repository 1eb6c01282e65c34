"""Signing in to the studio in a browser: sign up by the form, stay signed in, sign out, return by a mailed
link."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.browsing import OUTPUT
from tests.support.running_stack import RunningStack
from tests.support.servers import wait_until

PASSWORD = "correct horse battery"
SIGNED_IN = "[data-testid=account]"


@pytest.fixture
def stack() -> Iterator[RunningStack]:
    stack = RunningStack(SIGN_UP="open")
    try:
        yield stack.start()
    finally:
        stack.stop()
        stack.remove()


def fill(page: Page, **fields: str) -> None:
    for name, value in fields.items():
        page.fill(f"input[name={name}]", value)
    page.click("[data-testid=submit]")


def test_signing_up_by_the_form(stack: RunningStack, browser: Browser) -> None:
    """A stranger meets sign-in, makes an account, is still signed in after a reload, and out after signing
    out."""
    context = browser.new_context()
    page, trouble = context.new_page(), []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.goto(f"http://127.0.0.1:{stack.http}/studio")
    page.wait_for_selector("h1:has-text('Sign in')")
    page.click("[data-testid=to-register]")
    fill(page, name="Ann", email="ann@weir.example", password="short")
    assert page.locator("h1").inner_text() == "Create an account"
    fill(page, name="Ann", email="ann@weir.example", password=PASSWORD)
    page.wait_for_selector(SIGNED_IN)
    page.reload()
    page.click(SIGNED_IN)
    page.click("[data-testid=sign-out]")
    page.wait_for_selector("h1:has-text('Sign in')")
    page.reload()
    page.wait_for_selector("h1:has-text('Sign in')")
    fill(page, email="ann@weir.example", password="wrong password")
    page.wait_for_selector("[data-testid=notice]")
    assert trouble == []
    context.close()


def test_a_forgotten_password(stack: RunningStack, browser: Browser) -> None:
    """Asked for on the page, mailed (here: a file), set by the link, which leaves the address bar; then
    signed in."""
    stack.ask("POST", "/v1/auth/register", {"email": "ann@weir.example", "password": PASSWORD})
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{stack.http}/studio")
    page.click("text=Forgot your password?")
    fill(page, email="ann@weir.example")
    page.wait_for_selector("h1:has-text('Ask for your link')")
    mails = stack.folder / "var" / "mail"
    wait_until(lambda: mails.is_dir() and any(mails.iterdir()), "the mail")
    link = re.search(r"http\S+", next(mails.iterdir()).read_text())
    assert link is not None
    page.goto("about:blank")
    page.goto(link[0])
    page.wait_for_selector("h1:has-text('New password')")
    assert "#" not in page.url
    fill(page, password="another long one")
    page.wait_for_selector(SIGNED_IN)
    assert (
        stack.ask("POST", "/v1/auth/login", {"email": "ann@weir.example", "password": "another long one"})[0]
        == 200
    )
    context.close()


def first_app(page: Page) -> None:
    page.fill("input[name=new-app-name]", "My app")
    page.click("[data-testid=create-app]")
    page.wait_for_selector("[data-testid=checklist]")


def new_stream(page: Page, title: str) -> None:
    page.click("main >> text=New stream")
    page.fill("[data-testid=new-stream-title]", title)
    page.click("[data-testid=create-stream]")
    page.wait_for_selector("[data-testid=obs-key]")


def opened(stack: RunningStack, browser: Browser, email: str) -> Page:
    """A page in the studio, signed in."""
    page = browser.new_context().new_page()
    page.goto(f"http://127.0.0.1:{stack.http}/studio")
    page.wait_for_selector("h1:has-text('Sign in')")
    fill(page, email=email, password=PASSWORD)
    page.wait_for_selector(SIGNED_IN)
    return page


def two_accounts(stack: RunningStack, browser: Browser) -> Page:
    """Ann's and Ben's; the studio of Ann, who has an app."""
    for name in ("ann", "ben"):
        assert (
            stack.ask("POST", "/v1/auth/register", {"email": f"{name}@weir.example", "password": PASSWORD})[0]
            == 201
        )
    page = opened(stack, browser, "ann@weir.example")
    first_app(page)
    return page


def test_a_reset_link_is_honoured_by_who_is_signed_in(stack: RunningStack, browser: Browser) -> None:
    """Opened in the very tab of the studio, where only the text after the # changes."""
    stack.ask("POST", "/v1/auth/register", {"email": "ann@weir.example", "password": PASSWORD})
    page = opened(stack, browser, "ann@weir.example")
    stack.ask("POST", "/v1/auth/password/forgot", {"email": "ann@weir.example"})
    mails = stack.folder / "var" / "mail"
    wait_until(lambda: mails.is_dir() and any(mails.iterdir()), "the mail")
    link = re.search(r"http\S+", next(mails.iterdir()).read_text())
    assert link is not None
    page.goto(link[0])
    page.wait_for_selector("h1:has-text('New password')")
    assert "#" not in page.url
    fill(page, password="another long one")
    page.wait_for_selector(SIGNED_IN)
    assert (
        stack.ask("POST", "/v1/auth/login", {"email": "ann@weir.example", "password": "another long one"})[0]
        == 200
    )
    page.context.close()


def test_a_deleted_app_is_left(stack: RunningStack, browser: Browser) -> None:
    """Its form goes, the next app comes, and after the last one the invitation to create one."""
    stack.ask("POST", "/v1/auth/register", {"email": "ann@weir.example", "password": PASSWORD})
    page = opened(stack, browser, "ann@weir.example")
    first_app(page)
    page.click("nav >> text=Settings")
    page.click("[data-testid=delete-app]")
    assert page.locator("[data-testid=confirm-yes]").is_disabled()
    page.fill("[data-testid=confirm-typed]", "My app")
    page.click("[data-testid=confirm-yes]")
    page.wait_for_selector("text=“My app” and its data are being deleted.")
    page.wait_for_selector("text=Create the first app")
    assert page.locator("input[name=app-name]").count() == 0
    page.context.close()


def test_an_app_is_run_from_the_studio(stack: RunningStack, browser: Browser) -> None:
    """A key made there works until it is revoked there; an invited colleague gets what the role may see; the
    log knows."""
    page = two_accounts(stack, browser)
    page.click("nav >> text=Keys")
    page.fill("input[name=name]", "back end")
    page.check("input[name='streams:read']")
    page.click("[data-testid=create-key]")
    key = page.input_value("[data-testid=api-key]")
    bearer = {"Authorization": f"Bearer {key}"}
    assert stack.ask("GET", "/v1/streams", headers=bearer)[0] == 200
    assert stack.ask("POST", "/v1/streams", {"title": "no"}, headers=bearer)[0] == 403
    page.click("text=I have copied them")
    page.click("[data-testid=revoke-key]")
    page.click("[data-testid=confirm-no]")
    assert stack.ask("GET", "/v1/streams", headers=bearer)[0] == 200
    page.click("[data-testid=revoke-key]")
    page.click("[data-testid=confirm-yes]")
    page.wait_for_selector("[data-testid=key][data-over=true]")
    assert stack.ask("GET", "/v1/streams", headers=bearer)[0] == 401

    page.click("nav >> text=Team")
    page.fill("input[name=invitee]", "ben@weir.example")
    page.click("[data-testid=invite]")
    link = page.input_value("[data-testid=invitation-link]")
    colleague = opened(stack, browser, "ben@weir.example")
    colleague.wait_for_selector("text=Create the first app")
    colleague.goto("about:blank")
    colleague.goto(link)
    colleague.click("button:has-text('Join')")
    colleague.wait_for_selector("nav >> text=Streams")
    assert colleague.locator("nav >> text=Keys").count() == 0
    page.reload()
    page.select_option("select[aria-label='Role of ben@weir.example']", "admin")
    wait_until(
        lambda: colleague.reload() is not None and colleague.locator("nav >> text=Keys").count() == 1,
        "the new role",
    )

    page.click("nav >> text=Audit log")
    page.wait_for_selector("[data-testid=entry]")
    told = page.locator("[data-testid=entry] strong").all_inner_texts()
    assert {"A key was created", "A key was revoked", "Somebody was invited"} <= set(told)
    assert "A member’s role was changed" in told
    with page.expect_download() as saved:
        page.click("nav >> text=Usage")
        page.click("[data-testid=usage-csv]")
    assert saved.value.path().read_text().startswith("day,")
    page.context.close()
    colleague.context.close()


# What extends beyond the page's right edge; a strip that scrolls by itself may be wider.
OUTSIDE_JS = """() => [...document.querySelectorAll('main *, .top *')]
    .filter(one => one.checkVisibility() && one.getBoundingClientRect().right > innerWidth + 0.5)
    .map(one => `${one.tagName}.${one.className} ${one.textContent.slice(0, 40)}`)"""


def test_the_studio_fits_phones_and_keeps_what_is_refused(stack: RunningStack, browser: Browser) -> None:
    """With the longest names, on every page, at 390 and 320 px. A refusal names the field in words and the
    form keeps its input."""
    account = {"email": "ann@weir.example", "password": PASSWORD, "name": "Ann"}
    token = {"Authorization": f"Bearer {stack.ask('POST', '/v1/auth/register', account)[1]['access_token']}"}
    app = stack.ask("POST", "/v1/apps", {"name": "Longest" * 11}, token)[1]["id"]
    key = stack.ask(
        "POST", f"/v1/apps/{app}/keys", {"name": "Backend " * 9, "scopes": ["streams:read"]}, token
    )[1]["id"]
    assert stack.ask("POST", f"/v1/apps/{app}/keys/{key}/rotate", {"overlap_s": 3600}, token)[0] == 201
    page = opened(stack, browser, "ann@weir.example")
    new_stream(page, "Marathon" * 15)
    stream = page.url.split("/")[-1]
    for width, scheme in ((390, "dark"), (320, "light")):
        page.set_viewport_size({"width": width, "height": 780})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for section, sign in (
            ("home", "[data-testid=checklist]"),
            ("streams", "[data-testid=stream-item]"),
            (f"streams/{stream}", "[data-testid=obs-key]"),
            (f"streams/{stream}/settings", "[data-testid=save-stream]"),
            ("recordings", "[data-testid=empty]"),
            ("usage", "[data-testid=usage-csv]"),
            ("keys", "[data-testid=key]"),
            ("settings", "[data-testid=save-app]"),
        ):
            page.goto(f"http://127.0.0.1:{stack.http}/studio/{app}/{section}")
            page.wait_for_selector(sign)
            if section == "keys":
                page.click("[data-testid=revoke-key] >> nth=0")
            picture = f"studio-{section.replace('/', '-')}-{width}.png"
            page.screenshot(path=OUTPUT / picture, full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(OUTSIDE_JS) == []
    origins = page.locator("textarea[placeholder='https://example.org']")
    origins.fill("not an origin")
    page.click("[data-testid=save-app]")
    page.wait_for_selector("text=Allowed origins, line 1: ")
    assert origins.input_value() == "not an origin"
    page.click("[data-testid=open-menu]")
    page.click("[role=dialog] nav >> text=Keys")
    page.click("text=Sign tokens with a key pair of your own")
    page.fill("input[name=public-name]", "Mine")
    page.fill("textarea[name=pem]", "no key")
    page.click("text=Add the public key")
    page.wait_for_selector("form[aria-label='Public key'] [role=alert]:has-text('Public key: ')")
    assert (page.input_value("input[name=public-name]"), page.input_value("textarea[name=pem]")) == (
        "Mine",
        "no key",
    )
    page.context.close()


def test_a_streamer_takes_a_seat_in_the_own_chat(stack: RunningStack, browser: Browser) -> None:
    """Under the own name, with the commands, also after a reload; the address does not give the seat away."""
    account = {"email": "ann@weir.example", "password": PASSWORD, "name": "Ann"}
    assert stack.ask("POST", "/v1/auth/register", account)[0] == 201
    page = opened(stack, browser, "ann@weir.example")
    first_app(page)
    new_stream(page, "My show")
    with page.expect_popup() as popped:
        page.click("[data-testid=take-seat]")
    seat = popped.value
    for _ in range(2):
        seat.wait_for_selector("text=Chatting as Ann")
        assert "#" not in seat.url
        seat.reload()
    seat.wait_for_selector("[data-testid=connection-state][data-state=online]")
    seat.fill("[data-testid=chat-input]", "/slow 45s")
    seat.keyboard.press("Enter")
    seat.wait_for_selector("text=Slow mode")
    guest = browser.new_context().new_page()
    guest.goto(seat.url)
    guest.wait_for_selector("text=Chatting as Guest")
    guest.fill("[data-testid=chat-input]", "one")
    guest.keyboard.press("Enter")
    guest.wait_for_selector("[data-testid=chat-message]")
    guest.fill("[data-testid=chat-input]", "two")
    guest.keyboard.press("Enter")
    guest.wait_for_selector("text=Slow mode")
    page.context.close()
    guest.context.close()


def test_an_invitation_is_taken_with_the_account_one_has(stack: RunningStack, browser: Browser) -> None:
    """A person who is not signed in says so, signs in, and joins. Without a mail server the page asks the
    inviter to hand the link over."""
    page = two_accounts(stack, browser)
    page.click("nav >> text=Team")
    page.fill("input[name=invitee]", "ben@weir.example")
    page.click("[data-testid=invite]")
    page.wait_for_selector("h2:has-text('No mail is sent')")
    colleague = browser.new_context().new_page()
    colleague.goto(page.input_value("[data-testid=invitation-link]"))
    colleague.click("text=I already have an account")
    fill(colleague, email="ben@weir.example", password=PASSWORD)
    colleague.click("button:has-text('Join')")
    colleague.wait_for_selector("nav >> text=Streams")
    page.context.close()
    colleague.context.close()


def test_an_account_is_deleted_after_it_was_typed(stack: RunningStack, browser: Browser) -> None:
    """The button waits for the address and the password; the only owner of an app reads what to do first."""
    _, made = stack.ask("POST", "/v1/auth/register", {"email": "ann@weir.example", "password": PASSWORD})
    bearer = {"Authorization": f"Bearer {made['access_token']}"}
    _, app = stack.ask("POST", "/v1/apps", {"name": "Harbour"}, bearer)
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{stack.http}/studio")
    fill(page, email="ann@weir.example", password=PASSWORD)
    page.click("[data-testid=account]")
    page.click("[data-testid=to-account]")
    page.click("[data-testid=to-delete-account]")
    erase = page.locator("[data-testid=delete-account]")
    page.fill("input[name=confirm-password]", PASSWORD)
    page.fill("input[name=confirm-email]", "ben@weir.example")
    assert erase.is_disabled()
    page.fill("input[name=confirm-email]", "Ann@weir.example")
    erase.click()
    page.wait_for_selector("[role=alert]:has-text('Harbour')")
    assert stack.ask("DELETE", f"/v1/apps/{app['id']}", None, bearer)[0] == 202
    erase.click()
    page.wait_for_selector("h1:has-text('Sign in')")
    assert stack.ask("POST", "/v1/auth/login", {"email": "ann@weir.example", "password": PASSWORD})[0] == 401
    context.close()
