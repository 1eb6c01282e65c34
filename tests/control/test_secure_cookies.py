"""A sign-in's cookie is for TLS only, wherever TLS ends."""

import pytest

from tests.support.control_room import PASSWORD, opened
from weir.foundation.services import Services


@pytest.mark.parametrize(
    ("public_url", "scheme", "secure"),
    [("https://weir.test", "http", True), ("", "https", True), ("", "http", False)],
)
async def test_a_cookie_is_secure_where_browsers_come_by_tls(
    services: Services, public_url: str, scheme: str, secure: bool
) -> None:
    """Because the installation's address says so, or the web server's word about this request."""
    object.__setattr__(services, "settings", services.settings.model_copy(update={"public_url": public_url}))
    async with opened(services) as world:
        await world.owner()
        body = {"email": "owner@weir.example", "password": PASSWORD}
        reply = await world.http.post(f"{scheme}://weir.test/v1/auth/login", json=body)
        assert ("secure" in reply.headers["set-cookie"].lower()) == secure
