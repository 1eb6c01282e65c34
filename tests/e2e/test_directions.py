"""Text that is written from right to left, next to text that is not."""

from playwright.sync_api import Browser

from tests.e2e.conftest import Show


def test_arabic_keeps_its_order(make_stack, browser: Browser) -> None:
    """A message and a title have the direction of their own first letter, not the page's."""
    show: Show = make_stack()
    member = show.member()
    stream = show.stack.ask("GET", "/v1/streams", headers=member)[1]["data"][0]["id"]
    assert show.stack.ask("PATCH", f"/v1/streams/{stream}", {"title": "بث مباشر 2"}, member)[0] == 200
    said = {"text": "مرحبا بالجميع!", "user": {"id": "u1", "name": "أحمد"}}
    assert show.stack.ask("POST", f"/v1/channels/{show.channel}/messages", said, member)[0] == 201
    context = browser.new_context()
    page = context.new_page()
    page.goto(show.card["watch"])
    page.wait_for_selector("text=مرحبا")
    for one in (".text", "h1 bdi"):
        assert page.eval_on_selector(one, "found => getComputedStyle(found).direction") == "rtl"
    context.close()
