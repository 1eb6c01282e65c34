"""Push messages: read by the browser alone, signed by the installation, and never to an inner address."""

from collections.abc import AsyncIterator
from typing import Any

import http_ece
import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from control.collections import FOLLOWERS
from control.followers.push import PushMessages, decoded
from tests.control.followers.conftest import Browser, Fans
from weir.foundation.egress import Egress
from weir.foundation.services import Services


async def test_a_browser_is_told_what_only_it_can_read(fans: Fans) -> None:
    """With a signature for its push service, by the key that it has subscribed with."""
    browser = Browser()
    reply = await fans.ask(push={**browser.given, "expirationTime": None})
    assert reply.status_code == 202
    assert (await fans.ask(push=browser.given)).json() == reply.json()
    event = await fans.begins()
    await fans.tell_all()
    ((url, headers, body),) = fans.pushed.requests
    assert (url, headers["Content-Encoding"]) == (browser.endpoint, "aes128gcm")
    told = orjson.loads(browser.read(body))
    assert told == {
        "type": "stream.live", "title": fans.stream["title"], "broadcast": event.broadcast,
        "url": fans.stream["watch_url"],
    }  # fmt: skip
    with pytest.raises(http_ece.ECEException):
        Browser().read(body)
    key = (await fans.world.done("GET", "/v1/push-key"))["key"]
    scheme, _, rest = headers["Authorization"].partition(" ")
    token, named = rest.removeprefix("t=").split(", k=")
    assert (scheme, named) == ("vapid", key)
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(key))
    claims = jwt.decode(token, public, ["ES256"], audience="https://push.example")
    assert claims["sub"] == "mailto:weir@localhost"


@pytest.mark.parametrize(
    ("status", "left"), [(201, 1), (404, 0), (410, 0), (400, 1), (429, 1), (500, 1), (0, 1)]
)
async def test_a_subscription_that_has_ended_goes(fans: Fans, status: int, left: int) -> None:
    await fans.ask(push=Browser().given)
    fans.pushed.status = status
    await fans.begins()
    await fans.tell_all()
    assert await fans.theirs.count(FOLLOWERS, {"state": "confirmed"}) == left


async def test_one_that_is_refused_again_and_again_goes(fans: Fans) -> None:
    await fans.ask(push=Browser().given)
    fans.pushed.status = 403
    for number in range(3):
        await fans.begins(at=2**41 + number * 2**24)
        (doc, *_) = (await fans.theirs.find(FOLLOWERS)).data
        notice: Any = {"app": fans.app, "kind": "push", "broadcast": f"brd_{number}"}
        await fans.notices._tell(doc, await _stream(fans), notice)
    assert (await fans.theirs.find(FOLLOWERS)).data == []


async def _stream(fans: Fans) -> Any:
    return await fans.world.services.directory.stream(fans.stream["id"])


async def test_a_subscription_ends_by_its_token(fans: Fans) -> None:
    token = (await fans.ask(push=Browser().given)).json()["unsubscribe"]
    assert (await fans.world.http.post(f"/v1/followers/unsubscribe?token={token}")).status_code == 200
    assert (await fans.theirs.find(FOLLOWERS)).data == []


async def test_of_a_signed_stream_the_title_is_not_told(fans: Fans) -> None:
    browser = Browser()
    await fans.ask(push=browser.given)
    await fans.world.done("PATCH", f"/v1/streams/{fans.stream['id']}", fans.key, {"visibility": "signed"})
    await fans.begins()
    await fans.tell_all()
    assert orjson.loads(browser.read(fans.pushed.requests[0][2]))["title"] == ""


async def test_the_keys_of_an_endpoint_are_sealed_and_unlisted(fans: Fans) -> None:
    browser = Browser("https://push.example/secret-path")
    await fans.ask(push=browser.given)
    path = f"/v1/streams/{fans.stream['id']}/followers"
    reply = await fans.world.ask("GET", path, fans.key)
    (doc,) = (await fans.theirs.find(FOLLOWERS)).data
    assert reply.json()["data"][0]["endpoint"] == "push.example"
    for text in (reply.text, repr(doc)):
        assert "secret-path" not in text


@pytest.fixture
async def egress(services: Services) -> AsyncIterator[Egress]:
    made = Egress(services.settings)
    yield made
    await made.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "[::1]"])
async def test_no_endpoint_reaches_an_inner_address(fans: Fans, egress: Egress, host: str) -> None:
    """By the real client; refused when it is given or when it is called."""
    reply = await fans.ask(push=Browser(f"https://{host}/").given)
    fans.push._egress = egress
    await fans.begins()
    await fans.tell_all()
    doc = (await fans.theirs.find(FOLLOWERS)).data
    assert reply.status_code == 422 or doc[0]["refused"] == 1


async def test_the_key_pair_follows_from_the_secret(services: Services) -> None:
    """Every process and every start has the same; an installation with another secret another."""
    first, second = (
        PushMessages(vault=services.vault, egress=services.egress, settings=services.settings)
        for _ in range(2)
    )
    assert first.public_key == second.public_key
    assert len(decoded(first.public_key)) == 65
