"""The API as the command line uses it: on this machine over the application's socket, elsewhere by its address
and a key."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from weir.foundation.clock import now_s
from weir.foundation.egress.signatures import signed_headers
from weir.foundation.errors import ApiRefused
from weir.foundation.settings import Settings

TIMEOUT_S = 70  # a test waits for its receiver
TOKEN_S = 12 * 3600
AGAIN_S = 1.0
ACTOR = "command line"


class Api:
    """One app's API."""

    def __init__(self, session: aiohttp.ClientSession, base: str, token: str) -> None:
        self._session = session
        self._base = base
        self._headers = {"Authorization": f"Bearer {token}"}

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON. Errors: ApiRefused."""
        try:
            async with self._session.request(
                method, self._base + path, json=body, headers=self._headers
            ) as reply:
                answer = await reply.json(content_type=None) if reply.status != 204 else None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            raise ApiRefused(f"{self._base} does not answer. Is Weir running? (weir status)") from None
        if reply.status >= 400:
            raise ApiRefused(str((answer or {}).get("detail") or f"status {reply.status}"))
        return answer

    async def pages(self, path: str, most: int) -> list[dict[str, Any]]:
        """The first `most` of a list."""
        found: list[dict[str, Any]] = []
        cursor = ""
        mark = "&" if "?" in path else "?"
        while len(found) < most:
            page = await self.ask("GET", f"{path}{mark}limit={min(200, most)}{cursor}")
            found += page["data"]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        return found[:most]

    async def events(self, types: str) -> AsyncIterator[dict[str, Any]]:
        """Events as they happen, also over a lost connection; the first is the notice that says so. Errors:
        ApiRefused."""
        place = ""
        while True:
            url = f"{self._base}/v1/events/ws?types={types}{place}"
            try:
                async with self._session.ws_connect(url, headers=self._headers, heartbeat=20) as line:
                    async for frame in line:
                        event = orjson.loads(frame.data)
                        if event.get("seq") is not None and event.get("epoch"):
                            place = f"&epoch={event['epoch']}&seq={event['seq']}"
                        yield event
            except aiohttp.WSServerHandshakeError as error:
                if error.status < 500:
                    raise ApiRefused(f"The API refuses to tell events: status {error.status}.") from None
            except (aiohttp.ClientError, TimeoutError, OSError):
                if not place:
                    raise ApiRefused(
                        f"{self._base} does not answer. Is Weir running? (weir status)"
                    ) from None
            await asyncio.sleep(AGAIN_S)

    async def forward(self, url: str, secret: str, event: dict[str, Any]) -> int:
        """Posts an event like a webhook to a program on this machine; the status, 0 without an answer."""
        rest = {name: value for name, value in event.items() if name not in ("type", "at", "epoch")}
        body = orjson.dumps({"type": event["type"], "timestamp": event["at"], "data": rest})
        headers = {
            "content-type": "application/json",
            **signed_headers([secret], event["id"], int(now_s()), body),
        }
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as session,
                session.post(url, data=body, headers=headers, allow_redirects=False) as reply,
            ):
                return reply.status
        return 0


@asynccontextmanager
async def remote(url: str, key_file: Path) -> AsyncIterator[Api]:
    """An installation elsewhere, with an API key from a file. Errors: ApiRefused."""
    try:
        key = key_file.read_text().strip()
    except OSError as error:
        raise ApiRefused(f"--key-file: {key_file} can't be read: {error.strerror}.") from None
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session:
        yield Api(session, url.rstrip("/"), key)


@asynccontextmanager
async def local(settings: Settings, app: str | None) -> AsyncIterator[Api]:
    """The installation of this data folder, as its owner. `app` None is the only one, or the first. Errors:
    ApiRefused."""
    from weir.app import open_services  # noqa: PLC0415 - only for this machine's own
    from weir.foundation.tenancy.collections import APPS  # noqa: PLC0415

    async with open_services(settings) as services:
        page = await services.store.operator().find(APPS, {}, sort="created", limit=1_000)
        known = [one for one in page.data if app is None or app in (one["id"], one["name"])]
        if not known:
            raise ApiRefused(f"There is no app {app}." if app else "There is no app yet. Start Weir: weir up")
        token = services.tokens.mint("weir:app", TOKEN_S, sub=ACTOR, app=known[0]["id"], role="owner")
    connector = aiohttp.UnixConnector(str(settings.app_socket))
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        yield Api(session, "http://weir", token)
