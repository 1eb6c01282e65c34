"""The studio's page for webhooks in Chromium, against a receiver that answers as it likes."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from standardwebhooks.webhooks import Webhook

from tests.e2e.studio import Studio, assert_fits
from tests.support.running_stack import RunningStack
from tests.support.servers import wait_until
from tests.support.webhook_receiver import Received, receiver_in_thread

LONG = "verylongword" * 12


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    stack = RunningStack(SIGN_UP="open", EGRESS_ALLOW='["127.0.0.0/8"]', WEBHOOK_RETRY_S="[0, 1, 1]")
    try:
        yield stack.start()
    finally:
        stack.stop()
        stack.remove()


@pytest.fixture
def studio(stack: RunningStack, browser: Browser, request: pytest.FixtureRequest) -> Studio:
    return Studio(stack, browser, re.sub("[^a-z]", "", request.node.name)[:40])


def state(page: Page) -> Any:
    return expect(page.locator("[data-testid=webhook-state]"))


def hooked(studio: Studio, url: str, **fields: Any) -> str:
    """The id of a webhook for the app's own events."""
    made = studio.ask("POST", "/v1/webhooks", {"url": url, "types": ["custom.*"], **fields})
    return str(made["id"])


def test_from_the_form_to_a_replay(studio: Studio) -> None:
    """The secret is shown once and checks what arrives; a test and an event come; the list of deliveries shows
    the body and the answer; sent again, the same id comes twice."""
    with receiver_in_thread() as receiver:
        page = studio.open("webhooks")
        page.wait_for_selector("[data-testid=no-webhooks]:has-text('hook.verify')")
        page.click("[data-testid=new-webhook]")
        page.fill("input[name=url]", receiver.url)
        page.fill("input[name=description]", "Orders")
        page.click("[data-testid=save-webhook]")
        page.wait_for_selector("[role=alert]:has-text('Choose at least one type')")
        page.fill("[data-testid=search-types]", "car parks are full of free spaces")
        page.wait_for_selector("text=No type of event is named")
        page.fill("[data-testid=search-types]", "last free space")
        page.check("input[name='place.full']")
        page.fill("input[name=own-types]", "custom.order.*")
        page.click("[data-testid=save-webhook]")
        secret = page.input_value("[data-testid=webhook-secret]")
        assert secret.startswith("whsec_")
        assert page.get_attribute("[data-testid=webhook-secret]", "type") == "password"
        page.click("[data-testid=secrets-copied]")

        page.fill("input[name=test-type]", "custom.order.paid")
        page.click("summary:has-text('Data of your own')")
        page.fill("textarea[name=test-data]", '{"data": {"order": 1}')
        page.click("[data-testid=send-test]")
        page.wait_for_selector("[role=alert]:has-text('This is not JSON')")
        page.fill("textarea[name=test-data]", '{"data": {"order": 1}}')
        page.click("[data-testid=send-test]")
        page.wait_for_selector("[data-testid=test-result]:has-text('200 OK')")
        page.wait_for_selector("[data-testid=test-result] [data-testid=answer]:has-text('noted')")
        assert Webhook(secret).verify(receiver.got[-1].body, receiver.got[-1].headers)["data"]["test"] is True
        page.click("[data-testid=preview]")
        assert receiver.url in page.inner_text("[data-testid=curl]")

        event = studio.ask("POST", "/v1/events", {"type": "custom.order.paid", "data": {"order": 77}})["id"]
        studio.ask("POST", "/v1/events", {"type": "custom.other", "data": {}})
        wait_until(lambda: receiver.ids().count(event) == 1, "the event")
        assert Webhook(secret).verify(receiver.got[-1].body, receiver.got[-1].headers)["data"]["data"] == {
            "order": 77
        }
        page.wait_for_selector("[data-testid=delivery][data-state=delivered]")
        page.click("[data-testid=delivery] button >> nth=0")
        assert '"order": 77' in page.inner_text("[data-testid=delivery-body]")
        page.click("[data-testid=send-again]")
        wait_until(lambda: receiver.ids().count(event) == 2, "the event again")
        page.keyboard.press("Escape")
        page.wait_for_selector("[data-testid=delivery-body]", state="detached")
        page.wait_for_selector("[data-testid=delivery][data-state=delivered]")
        page.select_option("select[name=replay-state]", "delivered")
        page.click("[data-testid=replay]")
        page.wait_for_selector("[role=status]:has-text('Queued: 1 sent again.')")
        wait_until(lambda: receiver.ids().count(event) == 3, "the replay")
        state(page).to_contain_text("Working", timeout=20_000)

        page.reload()
        page.wait_for_selector("[data-testid=webhook-state]")
        assert page.locator("[data-testid=webhook-secret]").count() == 0
        assert secret not in page.content()
        page.context.close()


def test_it_says_what_is_wrong_and_what_helps(studio: Studio) -> None:
    """A receiver that refuses: the state, the sentence of the attempt, the advice; one that is gone: disabled,
    and by what. Enabled again, what failed is sent."""
    status = {"now": 401}

    def answer(_: Received) -> tuple[int, dict[str, str]]:
        return status["now"], {}

    with receiver_in_thread(answer) as receiver:
        hook = hooked(studio, receiver.url)
        page = studio.open(f"webhooks/{hook}")
        event = studio.ask("POST", "/v1/events", {"type": "custom.a", "data": {}})["id"]
        page.wait_for_selector("[data-testid=delivery][data-state=failed]", timeout=30_000)
        state(page).to_contain_text("Failing since", timeout=20_000)
        state(page).to_contain_text("check the token")
        page.click("[data-testid=delivery] button >> nth=0")
        page.wait_for_selector("[data-testid=attempt-answer]:has-text('401 Unauthorized')")
        assert page.locator("[data-testid=attempt-answer]").count() == 3
        page.select_option("select[name=delivery-state]", "delivered")
        page.wait_for_selector("text=No delivery is of this state and type.")
        page.select_option("select[name=delivery-state]", "")

        status["now"] = 410
        page.click("[data-testid=replay]")
        page.wait_for_selector("[role=status]:has-text('Queued: 1 sent again.')")
        state(page).to_contain_text("Disabled", timeout=20_000)
        state(page).to_contain_text("410 Gone")
        expect(page.locator("[data-testid=replay]")).to_be_disabled()
        status["now"] = 200
        page.click("[data-testid=enable]")
        wait_until(lambda: receiver.ids().count(event) == 5, "what waited")
        state(page).to_contain_text("Working", timeout=20_000)

        page.click("[data-testid=disable]")
        page.keyboard.press("Escape")
        expect(page.locator("[data-testid=disable]")).to_be_focused()
        page.click("[data-testid=disable]")
        page.click("[data-testid=disable-yes]")
        state(page).to_contain_text("Disabled")
        page.click("[data-testid=delete-webhook]")
        page.click("[data-testid=delete-webhook-yes]")
        page.wait_for_selector("[data-testid=no-webhooks]")
        assert studio.ask("GET", "/v1/webhooks")["data"] == []
        page.context.close()


def test_editing_keeps_what_is_stored(studio: Studio) -> None:
    """Credentials and headers stay unless they are replaced; a change that another overtook is refused, and
    the form keeps its input."""
    with receiver_in_thread() as receiver:
        auth = {"kind": "bearer", "token": "first-token-of-the-receiver"}
        hook = hooked(
            studio, receiver.url, headers={"x-tenant": "blue"}, auth=auth, filter='type != "custom.no"'
        )
        page = studio.open(f"webhooks/{hook}")
        page.click("[data-testid=edit-webhook]")
        page.wait_for_selector("text=x-tenant: stored")
        page.fill("input[name=description]", "Renamed")
        page.fill("input[name=rate]", "0")
        page.click("[data-testid=save-webhook]")
        assert page.eval_on_selector("input[name=rate]", "one => one.validity.rangeUnderflow") is True
        page.fill("input[name=rate]", "50")
        page.click("[data-testid=save-webhook]")
        page.wait_for_selector("h1:has-text('Renamed')")
        studio.ask("POST", "/v1/events", {"type": "custom.a", "data": {}})
        wait_until(lambda: receiver.got, "the event")
        assert receiver.got[0].headers["x-tenant"] == "blue"
        assert receiver.got[0].headers["authorization"] == "Bearer first-token-of-the-receiver"
        kept = studio.ask("GET", f"/v1/webhooks/{hook}")
        assert (kept["rate"], kept["filter"]) == (50, 'type != "custom.no"')

        page.click("[data-testid=edit-webhook]")
        studio.ask("PATCH", f"/v1/webhooks/{hook}", {"description": "By another"})
        page.fill("input[name=filter]", "data.n >")
        page.click("[data-testid=save-webhook]")
        page.wait_for_selector("[role=alert]:has-text('read it again')")
        assert page.input_value("input[name=filter]") == "data.n >"
        page.click("button:has-text('Cancel')")
        page.wait_for_selector("h1:has-text('By another')")
        page.click("[data-testid=edit-webhook]")
        page.fill("input[name=filter]", "data.n >")
        page.click("[data-testid=save-webhook]")
        page.wait_for_selector("[role=alert]:has-text('Filter: this is not a CEL expression')")
        page.context.close()


def test_the_secret_is_replaced_with_an_overlap(studio: Studio) -> None:
    """Both signatures are in the next request; the new secret is shown once."""
    with receiver_in_thread() as receiver:
        made = studio.ask("POST", "/v1/webhooks", {"url": receiver.url, "types": ["custom.*"]})
        page = studio.open(f"webhooks/{made['id']}")
        page.click("[data-testid=rotate]")
        page.click("[data-testid=rotate-yes]")
        fresh = page.input_value("[data-testid=new-secret]")
        assert fresh.startswith("whsec_") and fresh != made["secret"]
        studio.ask("POST", "/v1/events", {"type": "custom.a", "data": {}})
        wait_until(lambda: receiver.got, "the event")
        for secret in (fresh, made["secret"]):
            Webhook(secret).verify(receiver.got[0].body, receiver.got[0].headers)
        page.context.close()


def test_roles_see_what_they_may(studio: Studio) -> None:
    """An editor reads and changes nothing; a viewer has no such page."""
    hook = hooked(studio, "https://127.0.0.1:4430/hook")
    me = studio.email.split("@")[0][:20]
    studio.invite(f"{me}ed", "editor")
    studio.invite(f"{me}vi", "viewer")
    page = studio.open(f"webhooks/{hook}", f"{me}ed")
    page.wait_for_selector("[data-testid=webhook-state]")
    page.wait_for_selector("[data-testid=deliveries]")
    for deed in ("edit-webhook", "delete-webhook", "disable", "rotate", "replay", "send-test"):
        assert page.locator(f"[data-testid={deed}]").count() == 0
    studio.go(page, "webhooks")
    page.wait_for_selector("text=Admins can add and change them.")
    assert page.locator("[data-testid=new-webhook]").count() == 0
    studio.go(page, "webhooks/whk_nothing")
    page.wait_for_selector("[role=alert]:has-text('There is no such webhook.')")
    page.context.close()
    page = studio.open("webhooks", f"{me}vi")
    page.wait_for_selector("[data-testid=empty]")
    assert page.locator("nav >> text=Webhooks").count() == 0
    page.context.close()


def test_the_pages_fit_phones(studio: Studio) -> None:
    """With the longest names and addresses; right-to-left descriptions are shown so."""
    with receiver_in_thread() as receiver:
        url = f"{receiver.url}/{LONG * 4}"
        hook = hooked(studio, url, description=f"مرحبا {LONG}", headers={"x-" + "a" * 60: "1"})
        page = studio.open("webhooks")
        page.wait_for_selector("[data-testid=webhook]")
        assert_fits(page, "webhooks")
        assert page.eval_on_selector(".row-link", "one => getComputedStyle(one).direction") == "rtl"
        studio.go(page, f"webhooks/{hook}")
        event = {"type": "custom." + ".".join(["w" * 32] * 3), "data": {"word": LONG}}
        studio.ask("POST", "/v1/events", event)
        page.wait_for_selector("[data-testid=delivery]")
        page.click("[data-testid=delivery] button >> nth=0")
        page.click(".attempt >> nth=0")
        page.click("[data-testid=delete-webhook]")
        assert_fits(page, "webhook")
        page.click("[data-testid=edit-webhook]")
        assert_fits(page, "webhook-form")
        page.context.close()


def test_the_keyboard_goes_through_the_form(studio: Studio) -> None:
    """The heading takes the focus of a new page; from there Tab reaches the fields in their order."""
    page = studio.open("webhooks")
    page.focus("[data-testid=new-webhook]")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_be_focused()
    for name in ("url", "description", "all-events"):
        page.keyboard.press("Tab")
        expect(page.locator(f"input[name={name}]")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator("input[name='stream.live']")).to_be_checked()
    page.context.close()
