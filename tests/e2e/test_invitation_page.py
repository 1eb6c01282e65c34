"""The page of an invitation's link: what it says before anything is typed."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.e2e.conftest import SMALL
from tests.support.running_stack import RunningStack

PASSWORD = "a long password"


@pytest.fixture(scope="module")
def open_stack() -> Iterator[RunningStack]:
    stack = RunningStack(**SMALL, SIGN_UP="open")
    try:
        stack.start()
        yield stack
    finally:
        stack.remove()


def test_an_invitation_names_app_inviter_address_and_role(open_stack: RunningStack, browser: Browser) -> None:
    """To a stranger, and to a person who is signed in with another address; a spent one says what to do."""
    body = {"email": "ann@weir.example", "password": PASSWORD, "name": "Ann Ahoi"}
    ann = {"Authorization": f"Bearer {open_stack.ask('POST', '/v1/auth/register', body)[1]['access_token']}"}
    app = open_stack.ask("POST", "/v1/apps", {"name": "Harbour"}, ann)[1]["id"]
    wanted = {"email": "ben@weir.example", "role": "viewer"}
    link = open_stack.ask("POST", f"/v1/apps/{app}/invitations", wanted, ann)[1]["link"]
    context = browser.new_context()
    page = context.new_page()
    page.goto(link)
    page.wait_for_selector("h1:has-text('Join “Harbour”')")
    facts = page.inner_text("[data-testid=invitation-facts]")
    assert all(one in facts for one in ("Ann Ahoi", "ben@weir.example", "Viewer"))
    assert page.input_value("input[name=email]") == "ben@weir.example"

    page.goto("about:blank")
    other = {"email": "cat@weir.example", "password": PASSWORD}
    assert context.request.post(f"{open_stack.address}/v1/auth/register", data=other).status == 201
    page.goto(link)
    page.wait_for_selector("text=this invitation is for another address")
    page.click("button:has-text('Sign out')")
    page.wait_for_selector("h1:has-text('Join “Harbour”')")
    page.fill("input[name=password]", PASSWORD)
    page.click("[data-testid=submit]")
    page.wait_for_selector("nav >> text=Streams")

    context.clear_cookies()
    page.goto("about:blank")
    page.goto(link)
    page.wait_for_selector("h1:has-text('This invitation has ended')")
    page.click("text=To the studio")
    page.wait_for_selector("h1:has-text('Sign in')")
    context.close()
