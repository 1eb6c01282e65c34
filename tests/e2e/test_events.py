"""An app's programs follow events through the web server, without a Socket.IO client."""

import aiohttp

from tests.e2e.conftest import Show
from tests.e2e.test_moderation import Guest


async def test_the_plain_websocket_goes_through_nginx(show: Show) -> None:
    """An upgrade with the app's credential, one envelope a frame, and a plain 401 without one."""
    url = f"http://127.0.0.1:{show.stack.http}/v1/events/ws?types=chat.message.new"
    tenant = show.tokens.mint("weir:app", 600, sub="acc_test", app=show.app, role="viewer")
    ann = Guest(show, "Ann", "member")
    assert (await ann.enter())["ok"]
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url, headers={"Authorization": f"Bearer {tenant}"}) as socket:
            assert (await socket.receive_json(timeout=10))["code"] == "subscribed"
            assert (await ann.say("hello"))["ok"]
            assert (await socket.receive_json(timeout=10))["text"] == "hello"
        async with session.get(url) as refused:
            assert (refused.status, refused.content_type) == (426, "application/problem+json")
        try:
            async with session.ws_connect(url):
                raise AssertionError("let in without a credential")
        except aiohttp.WSServerHandshakeError as error:
            assert error.status == 401
    await ann.io.disconnect()
