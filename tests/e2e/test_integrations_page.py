"""The studio's page for integrations in Chromium, against a partner that answers as it likes."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.studio import Studio, assert_fits
from tests.support.running_stack import RunningStack
from tests.support.webhook_receiver import Received, receiver_in_thread

LONG = "verylongword" * 6


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    stack = RunningStack(SIGN_UP="open", EGRESS_ALLOW='["127.0.0.0/8"]')
    try:
        yield stack.start()
    finally:
        stack.stop()
        stack.remove()


@pytest.fixture
def studio(stack: RunningStack, browser: Browser, request: pytest.FixtureRequest) -> Studio:
    return Studio(stack, browser, re.sub("[^a-z]", "", request.node.name)[:40])


def test_from_the_sandbox_to_production(studio: Studio) -> None:
    """Connected by the form, tested with the credentials, seen failing and why, switched to production after a
    question, deleted."""
    status = {"now": 200}

    def answer(_: Received) -> tuple[int, dict[str, str]]:
        return status["now"], {}

    with receiver_in_thread(answer) as partner:
        page = studio.open("integrations")
        page.wait_for_selector("[data-testid=no-integrations]")
        page.click("[data-testid=new-integration]")
        page.select_option("select[name=kind]", "ips")
        assert page.input_value("input[name=endpoint-url]").startswith("https://sandbox-api.ipsgroup.com")
        page.click("[data-testid=operations] summary")
        page.wait_for_selector("[data-testid=operations] li:has-text('ips.verify'):has-text('licensePlate')")
        page.fill("input[name=endpoint-url]", partner.url)
        page.select_option("select[name=credential-kind]", "api_key")
        page.fill("input[name=credential-key]", "the-sandboxs-key")
        page.click("[data-testid=save-integration]")
        page.wait_for_selector("[data-testid=integration-state]:has-text('Not called yet')")
        page.click("[data-testid=test-integration]")
        page.wait_for_selector("[data-testid=integration-result]:has-text('The partner answers.')")
        assert partner.got[-1].headers["x-api-key"] == "the-sandboxs-key"
        assert "the-sandboxs-key" not in page.content()
        page.wait_for_selector("[data-testid=integration-state]:has-text('Tested, not called yet')")
        status["now"] = 401
        page.click("[data-testid=test-integration]")
        page.wait_for_selector("[data-testid=integration-result]:has-text('401 Unauthorized')")
        page.wait_for_selector("[data-testid=integration-result]:has-text('The test failed.')")

        status["now"] = 404
        one = page.evaluate("location.pathname").split("/")[-1]
        asked = {
            "licensePlate": "XYZ789", "state": "CT", "officerId": "o1",
            "location": {"zoneNumber": "A1", "latitude": 41.0, "longitude": -73.0},
        }  # fmt: skip
        call = {"operation": "ips.verify", "data": asked}
        studio.stack.ask("POST", f"/v1/integrations/{one}/calls", call, studio.token)
        studio.go(page, "integrations")
        page.wait_for_selector("[data-testid=integration]:has-text('1 call ·')", timeout=20_000)

        status["now"] = 200
        page.click("[data-testid=integration] a")
        page.click("[data-testid=edit-production]")
        page.fill("input[name=endpoint-url]", partner.url.replace("/hook", "/real"))
        page.select_option("select[name=credential-kind]", "bearer")
        page.fill("input[name=credential-token]", "the-real-token")
        page.click("[data-testid=save-production]")
        page.click("[data-testid=use-production]")
        page.keyboard.press("Escape")
        assert studio.ask("GET", f"/v1/integrations/{one}")["environment"] == "sandbox"
        page.click("[data-testid=use-production]")
        page.click("[data-testid=use-production-yes]")
        expect(page.locator("[data-testid=environment-production]")).to_contain_text("In use")
        page.click("[data-testid=test-integration]")
        page.wait_for_selector("[data-testid=integration-result]:has-text('The partner answers.')")
        assert partner.got[-1].headers["authorization"] == "Bearer the-real-token"
        assert partner.got[-1].path.startswith("/real")

        page.click("[data-testid=edit-sandbox]")
        page.wait_for_selector("text=secrets are not shown again")
        page.click("[data-testid=save-sandbox]")
        page.wait_for_selector("[data-testid=save-sandbox]", state="detached")
        page.click("[data-testid=use-sandbox]")
        page.click("[data-testid=use-sandbox-yes]")
        expect(page.locator("[data-testid=environment-sandbox]")).to_contain_text("In use")
        page.click("[data-testid=test-integration]")
        page.wait_for_selector("[data-testid=integration-result]:has-text('The partner answers.')")
        assert partner.got[-1].headers["x-api-key"] == "the-sandboxs-key"
        page.click("[data-testid=delete-integration]")
        page.click("[data-testid=delete-integration-yes]")
        page.wait_for_selector("[data-testid=no-integrations]")
        page.context.close()


def test_editors_read_and_pages_fit_phones(studio: Studio) -> None:
    """A partner that cannot be reached: the sentence says so; an editor has no button that changes anything."""
    with receiver_in_thread() as partner:
        gone = partner.url
    wish = {"kind": "custom", "name": f"مرحبا {LONG}", "sandbox": {"url": f"{gone}/{LONG * 8}"}}
    one = studio.ask("POST", "/v1/integrations", wish)["id"]
    page = studio.open(f"integrations/{one}")
    page.click("[data-testid=test-integration]")
    page.wait_for_selector("[data-testid=integration-result]:has-text('The test failed.')")
    page.click("[data-testid=edit-production]")
    page.select_option("select[name=credential-kind]", "oauth2")
    page.click("[data-testid=delete-integration]")
    assert_fits(page, "integration")
    studio.go(page, "integrations")
    page.wait_for_selector("[data-testid=integration]")
    assert_fits(page, "integrations")
    studio.go(page, "integrations/new")
    page.select_option("select[name=kind]", "ips")
    page.click("[data-testid=operations] summary")
    assert_fits(page, "integration-form")
    page.context.close()
    me = studio.email.split("@")[0][:20]
    studio.invite(f"{me}ed", "editor")
    page = studio.open(f"integrations/{one}", f"{me}ed")
    page.wait_for_selector("[data-testid=environment-sandbox]")
    for deed in ("test-integration", "edit-sandbox", "edit-production", "delete-integration"):
        assert page.locator(f"[data-testid={deed}]").count() == 0
    page.context.close()
