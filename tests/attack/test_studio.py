"""The studio: what its people see of each other, and what they write where others read it."""

import csv
import io
import json
import re
from typing import Any

import jwt
import pytest
from playwright.sync_api import Browser, expect

from tests.attack.conftest import Target
from tests.e2e.conftest import browser
from tests.support.running_stack import ROOT

__all__ = ["browser"]
PAYLOADS: list[str] = json.loads((ROOT / "player/packages/watch/tests/payloads.json").read_text())
REPORTS_JS = """window.reports = [];
document.addEventListener('securitypolicyviolation', ({ violatedDirective }) => reports.push(violatedDirective));"""
MARKUP = "<img src=x onerror=document.title='owned'>"


def joined(target: Target, email: str, role: str, **more: Any) -> dict[str, str]:
    made = target.stack.ask(
        "POST", f"/v1/apps/{target.app}/invitations", {"email": email, "role": role}, target.account
    )[1]
    return target.registered(email, invitation=made["link"].rpartition("=")[2], **more)[0]


def test_a_viewer_learns_no_addresses(target: Target) -> None:
    """Names and roles; one's own address is one's own."""
    viewer = joined(target, "viewer@weir.example", "viewer")
    shown = target.stack.ask("GET", f"/v1/apps/{target.app}/members", headers=viewer)[1]["data"]
    assert {one["email"] for one in shown} == {None, "viewer@weir.example"}


def test_a_signed_stream_is_nobody_s_business(target: Target) -> None:
    """A stranger with its address learns that it is signed, and nothing else; a recording of it is missing or
    the same."""
    stream = target.new_stream(title="Board meeting", visibility="signed")
    for headers in (
        {},
        {"Authorization": "Bearer x"},
        {"Authorization": f"Bearer {target.session()['playback_token']}"},
    ):
        status, shown = target.stack.ask("GET", f"/v1/watch/{stream['playback_id']}", headers=headers)
        assert status == 200
        assert {name for name, value in shown.items() if value is not None} == {"playback_id", "visibility"}


def test_markup_in_names_is_text(target: Target, browser: Browser) -> None:
    """In the lists of streams, keys and people, and on the watch page."""
    joined(target, "markup@weir.example", "admin", name=MARKUP)
    target.new_key(name=MARKUP, scopes=["streams:read"])
    stream = target.new_stream(title=MARKUP)
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{target.stack.http}/watch/{stream['playback_id']}")
    expect(page).to_have_title(MARKUP)
    page.goto(f"http://127.0.0.1:{target.stack.http}/studio")
    page.fill("input[name=email]", "markup@weir.example")
    page.fill("input[name=password]", "a long password")
    page.click("button[type=submit]")
    page.wait_for_selector("nav[aria-label=Studio]")
    for section in ("Streams", "Keys", "Team"):
        page.click(f"nav[aria-label=Studio] >> text={section}")
        page.wait_for_selector(f"text={MARKUP}")
        assert page.title() != "owned"
    context.close()


def test_150_payloads_are_text_on_every_page(target: Target, browser: Browser) -> None:
    """As titles, descriptions, tags, links, metadata, names of apps, keys, places and webhooks: nothing runs,
    and the pages' policy has nothing to report."""
    app = target.new_app("Payloads")
    token = target.opened(app)
    lines = [cleaned for one in PAYLOADS if (cleaned := re.sub(r"[\x00-\x1f\x7f]", " ", one)[:60].strip())]
    taken = 0
    for payload in lines:
        fields = {
            "title": payload,
            "description": payload,
            "tags": [payload[:30].strip()],
            "category": payload,
            "streamer": payload,
            "links": [{"label": payload[:40].strip(), "url": "https://harbour.example/"}],
            "metadata": {"note": payload},
        }
        status, made = target.stack.ask("POST", "/v1/streams", fields, token)
        assert status in (201, 422), made  # some are no readable line, and refused
        taken += status == 201
    assert taken > 130
    streams = target.stack.ask("GET", "/v1/streams?limit=3", headers=token)[1]["data"]
    for payload in lines[:60:4]:
        target.new_key(app, name=payload, scopes=["streams:read"])
        for path, body in (
            ("/v1/places", {"name": payload, "site": payload, "spaces": 1}),
            ("/v1/profiles", {"name": payload, "rungs": [{"height": 360}]}),
            ("/v1/webhooks", {"url": "https://x.example/", "types": ["stream.*"], "description": payload}),
        ):
            status, made = target.stack.ask("POST", path, body, token)
            assert status in (201, 422), (path, made)
    assert target.stack.ask("PATCH", f"/v1/apps/{app}", {"name": lines[0]}, target.account)[0] == 200
    context = browser.new_context()
    context.add_init_script(REPORTS_JS)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{target.stack.http}/studio")
    page.fill("input[name=email]", "owner@weir.example")
    page.fill("input[name=password]", "a long password")
    page.click("button[type=submit]")
    page.wait_for_selector("nav[aria-label=Studio]")
    stream, channel = streams[0]["id"], streams[0]["channel"]
    for path, ready in (
        ("home", "[data-testid=live-now]"),
        ("streams", "[data-testid=stream-item]"),
        (f"streams/{stream}", "[data-testid=obs-key]"),
        (f"streams/{stream}/settings", "[data-testid=save-stream]"),
        ("channels", "[data-testid=channel-item]"),
        (f"channels/{channel}", "[data-testid=mode-lockdown]"),
        ("places", "h1"),
        ("profiles", "[data-testid=profile]"),
        ("webhooks", "[data-testid=webhook]"),
        ("keys", "[data-testid=key]"),
        ("tokens", "[data-testid=mint]"),
        ("log", "[data-testid=entry]"),
        ("settings", "[data-testid=save-app]"),
    ):
        page.goto(f"http://127.0.0.1:{target.stack.http}/studio/{app}/{path}")
        page.wait_for_selector(ready)
        while page.locator("[data-testid=more]").count():
            page.click("[data-testid=more]")
            page.wait_for_timeout(300)
        assert page.evaluate("[window.owned ?? null, window.reports]") == [None, []], path
    context.close()


@pytest.mark.parametrize("bad", ["a\x00b", "a\x1b]0;x\x07", "line\nbreak", "\u202egpj.exe", "\u200b"])
def test_a_name_is_one_line_that_can_be_read(target: Target, bad: str) -> None:
    """Wherever a name is taken, and in users' tokens; what a guest is called is cleaned, and refused when
    nothing is left."""
    app = f"/v1/apps/{target.app}"
    for method, path, body, headers in (
        ("POST", "/v1/apps", {"name": bad}, target.account), ("PATCH", app, {"name": bad}, target.account),
        ("POST", f"{app}/keys", {"name": bad, "scopes": ["*"]}, target.account),
        ("POST", f"{app}/keys/signing", {"name": bad, "scopes": ["*"]}, target.account),
        ("POST", "/v1/streams", {"title": bad}, target.opened()), ("POST", "/v1/user-tokens", {"sub": "x", "name": bad}, target.opened()),
        ("POST", "/v1/places", {"name": bad, "spaces": 1}, target.opened()),
        ("POST", "/v1/profiles", {"name": bad, "rungs": [{"height": 360}]}, target.opened()),
    ):  # fmt: skip
        status, answer = target.stack.ask(method, path, body, headers)
        assert (status, answer.get("code")) == (422, "invalid"), (path, status, answer)
    status, session = target.stack.ask("POST", f"/v1/watch/{target.playback}/session", {"name": bad})
    if bad == "\u200b":
        assert (status, session["code"]) == (422, "invalid")
        return
    name = jwt.decode(session["user_token"], options={"verify_signature": False})["name"]
    assert name.strip()
    assert name.isprintable()


def test_a_formula_in_a_name_is_text_in_a_table(target: Target) -> None:
    """The audit log as CSV, for a spreadsheet."""
    target.new_stream(title='=HYPERLINK("https://evil.example")')
    path = f"/v1/apps/{target.app}/audit?action=stream.created&format=csv"
    text = target.stack.ask("GET", path, headers=target.account)[1].decode()
    assert not [
        cell for row in csv.reader(io.StringIO(text)) for cell in row if cell[:1] in ("=", "+", "-", "@")
    ]
