"""The address that is asked before a message is stored: named, shown without its secret, forgotten."""

from tests.control.webhooks.conftest import Hooks
from weir.foundation.services import Services
from weir.foundation.tenancy.collections import APPS


async def test_an_app_names_and_forgets_it(hooks: Hooks, services: Services) -> None:
    ask = hooks.world.ask
    assert (await ask("GET", "/v1/before-message", hooks.token)).status_code == 404
    made = (await ask("PUT", "/v1/before-message", hooks.token, {"url": "https://a.example/x"})).json()
    assert made.pop("secret").startswith("whsec_")
    assert made == {"url": "https://a.example/x", "timeout_ms": 300, "on_silence": "allow"}
    assert (await ask("GET", "/v1/before-message", hooks.token)).json() == made
    kept = await services.store.operator().get(APPS, hooks.app)
    assert kept is not None
    hook = kept["before_message"]
    assert hook is not None
    assert services.vault.open(hook["sealed"], hooks.app).startswith("whsec_")
    known = await services.directory.app(hooks.app)
    assert known is not None
    assert known["before_message"] == hook, "every process knows it at once"
    refused = await ask("PUT", "/v1/before-message", hooks.token, {"url": "http://169.254.169.254/"})
    assert refused.status_code == 422
    assert (await ask("DELETE", "/v1/before-message", hooks.token)).status_code == 204
    assert (await ask("GET", "/v1/before-message", hooks.token)).status_code == 404
