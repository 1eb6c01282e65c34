"""The studio's door in a browser: sign up by the form, stay signed in, sign out, come back by a mailed link."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.servers import wait_until
from tests.weir.running import RunningStack

PASSWORD = "correct horse battery"


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
    """A stranger meets sign-in, makes an account, is still signed in after a reload, and out after signing out."""
    context = browser.new_context()
    page, trouble = context.new_page(), []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.goto(f"http://127.0.0.1:{stack.http}/studio")
    page.wait_for_selector("h1:has-text('Sign in')")
    page.click("[data-testid=to-register]")
    fill(page, name="Ann", email="ann@weir.example", password="short")
    assert page.locator("h1").inner_text() == "Create an account"
    fill(page, name="Ann", email="ann@weir.example", password=PASSWORD)
    page.wait_for_selector("[data-testid=sign-out]")
    page.reload()
    page.wait_for_selector("[data-testid=sign-out]")
    page.click("[data-testid=sign-out]")
    page.wait_for_selector("h1:has-text('Sign in')")
    page.reload()
    page.wait_for_selector("h1:has-text('Sign in')")
    fill(page, email="ann@weir.example", password="wrong password")
    page.wait_for_selector("[data-testid=notice]")
    assert trouble == []
    context.close()


def test_a_forgotten_password(stack: RunningStack, browser: Browser) -> None:
    """Asked for on the page, mailed (here: a file), set by the link, which leaves the address bar; then signed in."""
    stack.ask("POST", "/v1/auth/register", {"email": "ann@weir.example", "password": PASSWORD})
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{stack.http}/studio")
    page.click("text=Forgot the password?")
    fill(page, email="ann@weir.example")
    page.wait_for_selector("h1:has-text('Look into your mail')")
    mails = stack.folder / "var" / "mail"
    wait_until(lambda: mails.is_dir() and any(mails.iterdir()), "the mail")
    link = re.search(r"http\S+", next(mails.iterdir()).read_text())
    assert link is not None
    page.goto("about:blank")
    page.goto(link[0])
    page.wait_for_selector("h1:has-text('New password')")
    assert "#" not in page.url
    fill(page, password="another long one")
    page.wait_for_selector("[data-testid=sign-out]")
    assert stack.ask("POST", "/v1/auth/login", {"email": "ann@weir.example", "password": "another long one"})[0] == 200
    context.close()
