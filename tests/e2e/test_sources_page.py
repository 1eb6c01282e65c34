"""The studio's page for sources in Chromium, while a partner sends to them."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.studio import Studio, assert_fits
from tests.support.running_stack import RunningStack
from tests.support.servers import wait_until

LONG = "verylongword" * 9


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    stack = RunningStack(SIGN_UP="open")
    try:
        yield stack.start()
    finally:
        stack.stop()
        stack.remove()


@pytest.fixture
def studio(stack: RunningStack, browser: Browser, request: pytest.FixtureRequest) -> Studio:
    return Studio(stack, browser, re.sub("[^a-z]", "", request.node.name)[:40])


def send(studio: Studio, url: str, secret: str, body: Any) -> int:
    """As the partner; the status of the answer."""
    path = url[url.index("/v1/") :]
    return studio.stack.ask("POST", path, body, {"Authorization": f"Bearer {secret}"})[0]


def figures(page: Page) -> Any:
    return expect(page.locator("[data-testid=source-figures]"))


def test_from_the_preset_to_an_adopted_device(studio: Studio) -> None:
    """The secret is shown once and works; what comes is counted; a body that the mapping could not take is
    taken after the mapping was corrected with it as the sample; an unknown device gets its place."""
    place = studio.ask("POST", "/v1/places", {"name": "Car park", "spaces": 3})["id"]
    page = studio.open("sources")
    page.wait_for_selector("[data-testid=no-sources]")
    page.click("[data-testid=new-source]")
    page.select_option("select[name=kind]", "generic-sensor")
    page.wait_for_selector("[data-testid=preset-note]")
    page.fill("input[name=name]", "Gateway")
    page.click("[data-testid=save-source]")
    secret = page.input_value("[data-testid=source-secret]")
    url = page.input_value("[data-testid=source-url]")
    page.click("[data-testid=secrets-copied]")
    page.wait_for_selector("text=The mapping has taken everything that came.")
    reading = {"device": "sensor-1", "state": "occupied"}
    assert send(studio, url, secret, reading) == 202
    assert send(studio, url, "another secret", reading) == 401
    assert send(studio, url, secret, {"box": "sensor-2", "state": "free"}) == 422

    figures(page).to_contain_text("Received1", timeout=20_000)
    figures(page).to_contain_text("Rejected1")
    figures(page).to_contain_text("Refused1")
    expect(page.locator("[data-testid=source-state]")).to_contain_text("Last refused")
    page.click("[data-testid=reject] button")
    page.wait_for_selector("[data-testid=reject-body]:has-text('sensor-2')")
    page.click("[data-testid=try-reject]")
    expect(page.locator("textarea[name=sample]")).to_have_value(re.compile("sensor-2"))
    page.wait_for_selector("[data-testid=mapping-result] .error")
    page.fill("textarea[name=mapping]", '{"rules": [')
    page.wait_for_selector("[data-testid=mapping-result]:has-text('Mapping: This is not JSON')")
    rule = '{"rules": [{"reading": {"device": "body.box", "state": "body.state"}}]}'
    page.fill("textarea[name=mapping]", rule)
    page.wait_for_selector("[data-testid=mapping-result] figure:has-text('sensor-2')")
    page.click("[data-testid=save-mapping]")
    expect(page.locator("details summary:has-text('Mapping')")).to_have_text("Mapping")
    page.click("[data-testid=replay-reject]")
    page.wait_for_selector("[data-testid=rejects]:has-text('Taken: 1 reading.')")
    page.wait_for_selector("[data-testid=reject]", state="detached")

    studio.go(page, "sources")
    devices = page.locator("[data-testid=pool-device]")
    expect(devices).to_have_count(2, timeout=20_000)
    device = devices.filter(has_text="sensor-2")
    device.locator("[data-testid=adopt]").click()
    page.select_option("select[name=adopt-place]", place)
    page.fill("input[name=adopt-space]", "2")
    page.click("[data-testid=adopt-yes]")
    expect(devices).to_have_count(1)
    known = studio.ask("GET", f"/v1/places/{place}/devices")["data"]
    assert [(one["serial"], one["space"]) for one in known] == [("sensor-2", 2)]
    page.reload()
    page.wait_for_selector("[data-testid=source-counts]:has-text('1 refused')")
    assert secret not in page.content()
    page.context.close()


def test_a_mapping_of_ones_own_is_tried_while_it_is_typed(studio: Studio) -> None:
    """The preview shows the event; a wrong expression is named by its path; the partner's own secret works."""
    page = studio.open("sources/new")
    page.select_option("select[name=kind]", "custom")
    page.fill("input[name=name]", "Shop")
    page.select_option("select[name=auth-kind]", "token")
    page.fill("input[name=secret]", "the-partners-own-secret")
    page.wait_for_selector("[data-testid=mapping-result] figure:has-text('Event partner.example.order')")
    wrong = '{"rules": [{"event": {"type": "partner.shop.order", "data": {"n": "body.missing"}}}]}'
    page.fill("textarea[name=mapping]", wrong)
    page.wait_for_selector("[data-testid=mapping-result] li:has-text('rules.0.event.data.n')")
    page.fill("textarea[name=sample]", '{"missing": 7}')
    page.wait_for_selector("[data-testid=mapping-result] figure:has-text('\"n\": 7')")
    page.click("[data-testid=save-source]")
    page.wait_for_selector("[data-testid=fresh-source]:has-text('It uses the partner’s own secret')")
    url = page.input_value("[data-testid=source-url]")
    assert send(studio, url, "the-partners-own-secret", {"missing": 1}) == 202
    page.click("text=Continue")

    page.click("[data-testid=rotate]")
    page.click("[data-testid=rotate-yes]")
    fresh = page.input_value("[data-testid=new-secret]")
    assert send(studio, url, fresh, {"missing": 2}) == 202
    assert send(studio, url, "the-partners-own-secret", {"missing": 3}) == 202
    page.click("[data-testid=disable-source]")
    page.click("[data-testid=disable-source-yes]")
    page.wait_for_selector("[data-testid=source-state]:has-text('Disabled')")
    wait_until(lambda: send(studio, url, fresh, {"missing": 4}) >= 400, "the refusal")
    page.click("[data-testid=delete-source]")
    page.click("[data-testid=delete-source-yes]")
    page.wait_for_selector("[data-testid=no-sources]")
    page.context.close()


def test_editors_read_and_pages_fit_phones(studio: Studio) -> None:
    """With the longest names; an editor has no button that changes a source."""
    source = {"name": f"مرحبا {LONG}", "kind": "generic-sensor"}
    made = studio.ask("POST", "/v1/sources", source)
    send(studio, made["url"], made["secret"], {"word": LONG})
    send(studio, made["url"], made["secret"], {"device": LONG[:60], "state": "free"})
    me = studio.email.split("@")[0][:20]
    studio.invite(f"{me}ed", "editor")
    page = studio.open("sources", f"{me}ed")
    page.wait_for_selector("[data-testid=pool-device]")
    assert page.locator("[data-testid=new-source]").count() == 0
    studio.go(page, f"sources/{made['id']}")
    page.wait_for_selector("[data-testid=reject]")
    for deed in ("save-mapping", "rotate", "disable-source", "delete-source", "save-settings"):
        assert page.locator(f"[data-testid={deed}]").count() == 0
    page.context.close()
    page = studio.open("sources")
    page.click("[data-testid=adopt]")
    assert_fits(page, "sources")
    studio.go(page, f"sources/{made['id']}")
    page.click("[data-testid=reject] button")
    page.click("[data-testid=try-reject]")
    page.click("[data-testid=delete-source]")
    assert_fits(page, "source")
    studio.go(page, "sources/new")
    page.select_option("select[name=kind]", "chirpstack")
    page.check("input[name=own-mapping]")
    page.check("input[name=own-auth]")
    page.wait_for_selector("[data-testid=mapping-result] figure")
    assert_fits(page, "source-form")
    page.context.close()
