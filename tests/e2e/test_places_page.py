"""The studio's pages for places and for the operator in Chromium, on one stack."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.studio import PASSWORD, Studio, assert_fits
from tests.support.axe import violations
from tests.support.running_stack import RunningStack


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    stack = RunningStack(SIGN_UP="open")
    try:
        yield stack.start()
    finally:
        stack.stop()
        stack.remove()


@pytest.fixture(scope="module")
def studio(stack: RunningStack, browser: Browser) -> Studio:
    setup = stack.card()["studio"].split("#setup=")[1]
    owner = {"email": "owner@weir.example", "password": PASSWORD, "name": "Olga Owner", "setup": setup}
    assert stack.ask("POST", "/v1/auth/register", owner)[0] == 201
    return Studio(stack, browser)


def clean(page: Page, name: str) -> None:
    """Nothing that axe finds, in both colour schemes, and nothing beyond a phone's edge."""
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert violations(page) == [], name
    assert_fits(page, name)
    page.set_viewport_size({"width": 1280, "height": 900})


def new_place(studio: Studio, page: Page, name: str) -> str:
    """By the form; its id."""
    studio.go(page, "places")
    page.click("[data-testid=new-place]")
    page.fill("input[name=place-name]", name)
    page.fill("input[name=place-site]", "Harbour")
    page.fill("input[name=place-spaces]", "12")
    page.click("[data-testid=create-place]")
    expect(page.locator("[data-testid=space]")).to_have_count(12)
    return page.url.rsplit("/", 1)[1]


def test_a_place_is_made_and_its_board_lives(studio: Studio) -> None:
    """What sensors and other programs report appears without a reload; a person's word counts at once; a
    viewer reads all of it and changes nothing."""
    page = studio.open("places")
    page.wait_for_selector("[data-testid=empty]")
    assert violations(page) == []
    place = new_place(studio, page, "Garage " + "verylongname" * 9)
    seventh = page.locator("[data-testid=space][data-n='7']")
    studio.ask("PATCH", f"/v1/places/{place}/spaces/7", {"state": "occupied", "label": "Visitors " * 4})
    expect(seventh).to_have_attribute("data-state", "occupied", timeout=15_000)
    expect(page.locator("[data-testid=count-occupied]")).to_contain_text("1", timeout=15_000)
    page.click("[data-testid=count-occupied]")
    expect(page.locator("[data-testid=space]")).to_have_count(1)
    page.click("[data-testid=count-occupied]")
    page.fill("input[type=search]", "12")
    expect(page.locator("[data-testid=space]")).to_have_count(1)
    page.fill("input[type=search]", "")

    seventh.click()
    page.click("[data-testid=set-maintenance]")
    expect(page.locator("[data-testid=space-history]")).to_contain_text("Taken out of service")
    assert studio.ask("GET", f"/v1/places/{place}/spaces/7")["state"] == "maintenance"
    assert violations(page) == []
    page.fill("input[name=space-label]", "Closed")
    page.click("[data-testid=save-label]")
    page.keyboard.press("Escape")
    expect(seventh).to_contain_text("Closed")
    clean(page, "place-board")
    studio.go(page, "places")
    expect(page.locator("[data-testid=place-item]")).to_contain_text("0 of 12 occupied")
    assert violations(page) == []
    page.context.close()

    studio.invite("vera", "viewer")
    guest = studio.open(f"places/{place}", "vera")
    guest.locator("[data-testid=space][data-n='7']").click()
    guest.wait_for_selector("[data-testid=space-history]")
    assert guest.locator("[data-testid=set-free], [data-testid=add-spaces]").count() == 0
    assert guest.locator("nav[aria-label='This place'] >> text=Settings").count() == 0
    guest.context.close()


def test_devices_reservations_and_the_end_of_a_place(studio: Studio) -> None:
    """A device gets its space; a reservation is made and cancelled; the place goes only when its name was
    typed."""
    page = studio.open("places")
    place = new_place(studio, page, "Reading room")
    page.click("nav[aria-label='This place'] >> text=Devices")
    page.click("[data-testid=register-device]")
    page.fill("input[name=serial]", "70B3D57ED005A1F3")
    page.click("[data-testid=register-yes]")
    device = page.locator("[data-testid=device]")
    device.locator("[data-testid=assign]").click()
    page.fill("input[name=assign-space]", "13")
    page.click("[data-testid=assign-yes]")
    page.wait_for_selector("[role=dialog] [role=alert]")
    page.fill("input[name=assign-space]", "3")
    page.click("[data-testid=assign-yes]")
    page.wait_for_selector("[role=dialog]", state="detached")
    known = studio.ask("GET", f"/v1/places/{place}/devices")["data"]
    assert [(one["serial"], one["space"]) for one in known] == [("70B3D57ED005A1F3", 3)]
    assert violations(page) == []

    page.click("nav[aria-label='This place'] >> text=Reservations")
    page.click("[data-testid=new-reservation]")
    starts = datetime.now(UTC) + timedelta(days=2)
    page.fill("input[name=starts]", f"{starts:%Y-%m-%d}T09:00")
    page.fill("input[name=ends]", f"{starts:%Y-%m-%d}T11:00")
    page.fill("input[name=reserve-note]", "Window " * 20)
    page.click("[data-testid=reserve]")
    booking = page.locator("[data-testid=reservation]")
    expect(booking).to_contain_text("Booked")
    clean(page, "place-reservations")
    page.click("[data-testid=cancel-reservation]")
    page.click("[data-testid=confirm-yes]")
    expect(booking).to_contain_text("Cancelled")
    assert studio.ask("GET", f"/v1/places/{place}/reservations")["data"][0]["status"] == "cancelled"

    studio.ask("PATCH", f"/v1/places/{place}/spaces/3", {"state": "occupied"})
    page.click("nav[aria-label='This place'] >> text=History")
    expect(page.locator("[data-testid=transition]")).to_contain_text(["Somebody arrived"])
    assert violations(page) == []
    page.click("nav[aria-label='This place'] >> text=Settings")
    page.fill("input[name=no-show]", "15")
    page.click("[data-testid=save-place]")
    page.wait_for_selector("[data-testid=toast]")
    assert studio.ask("GET", f"/v1/places/{place}")["no_show_minutes"] == 15
    assert violations(page) == []
    page.click("[data-testid=delete-place]")
    assert page.locator("[data-testid=confirm-yes]").is_disabled()
    page.fill("[data-testid=confirm-typed]", "Reading room")
    page.click("[data-testid=confirm-yes]")
    page.wait_for_selector("[data-testid=new-place]")
    assert "Reading room" not in [one["name"] for one in studio.ask("GET", "/v1/places")["data"]]
    page.context.close()


def test_the_operator_suspends_an_app_and_reads_the_log(studio: Studio, stack: RunningStack) -> None:
    """Only the account that owns the installation finds these pages. A suspended app answers nothing until
    it is resumed, and another plan counts."""
    other = studio.open("home")
    other.click("[data-testid=account]:visible")
    other.wait_for_selector("[data-testid=to-account]")
    assert other.locator("[data-testid=to-operator]").count() == 0
    other.goto(f"{stack.address}/studio/operator")
    other.wait_for_selector("h1:has-text('Not found')")
    other.context.close()

    page = studio.open("home", "owner")
    page.click("[data-testid=account]:visible")
    page.click("[data-testid=to-operator]")
    page.fill("input[type=search]", "HARB")
    row = page.locator("[data-testid=operator-app]")
    expect(row).to_have_count(1)
    row.locator("[data-testid=suspend]").click()
    page.click("[data-testid=confirm-yes]")
    expect(row).to_contain_text("Suspended")
    assert stack.ask("GET", "/v1/places", headers=studio.token)[0] == 403
    clean(page, "operator-apps")
    row.locator("[data-testid=resume]").click()
    page.click("[data-testid=confirm-yes]")
    expect(row).to_contain_text("Active")
    assert stack.ask("GET", "/v1/places", headers=studio.token)[0] == 200
    row.locator("[data-testid=replan]").click()
    page.select_option("select[name=plan]", "pro")
    page.click("[data-testid=save-plan]")
    expect(row).to_contain_text("Pro")
    page.click("nav[aria-label=Operator] >> text=System health")
    expect(page.locator("[data-testid=system-health]")).to_contain_text("Works")
    assert violations(page) == []
    page.click("nav[aria-label=Operator] >> text=Audit log")
    page.select_option("select[aria-label=Action]", "account.created")
    expect(page.locator("[data-testid=entry]").first).to_contain_text("An account was created")
    assert set(page.locator("[data-testid=entry] strong").all_inner_texts()) == {"An account was created"}
    assert violations(page) == []
    page.context.close()
