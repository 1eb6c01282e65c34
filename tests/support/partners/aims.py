"""The sandbox of AIMS: plates and citations, behind OAuth tokens that it takes back."""

import json
from base64 import b64decode
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from aiohttp import web
from multidict import CIMultiDict

from tests.support.partners.server import KEY, PartnerServer, Seen, bearer, need, need_fields

CLIENT = "test_aims_client"


class Aims(PartnerServer):
    """`tokens` counts those it gave; only the newest is good, and none after `revoke()`."""

    credentials: ClassVar[dict[str, Any]] = {
        "kind": "oauth2",
        "token_url": "{url}/oauth/token",
        "client_id": CLIENT,
        "client_secret": KEY,
        "scope": "citations",
    }

    def __init__(self) -> None:
        super().__init__()
        self.tokens = 0
        self._good = ""
        self.citations: dict[str, list[tuple[str, bytes]]] = {}

    def revoke(self) -> None:
        self._good = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path != "/oauth/token":
            return await super().handle(request)
        pair = b64decode(request.headers.get("Authorization", "Basic ")[6:]).decode()
        form = await request.post()
        if pair != f"{CLIENT}:{KEY}" or form.get("scope") != "citations":
            return web.json_response({"error": "invalid_client"}, status=401)
        self.tokens += 1
        self._good = f"token-{self.tokens}"
        return web.json_response({"access_token": self._good, "token_type": "Bearer", "expires_in": 3600})

    def authorized(self, headers: CIMultiDict[str]) -> bool:
        return bool(self._good) and bearer(headers, self._good)

    def answer(self, seen: Seen) -> Any:
        path, query = urlsplit(seen.path).path, parse_qs(urlsplit(seen.path).query)
        if seen.method == "GET":
            need(path.startswith("/lookup/") and "state" in query, "no such address", 404)
            need(seen.json is None, "a GET has no body", 400)
            return {"licensePlate": path.rpartition("/")[2], "state": query["state"][0], "citations": []}
        need((seen.method, path) == ("POST", "/citations"), "no such address", 404)
        body = seen.json
        files: list[tuple[str, bytes]] = []
        if seen.parts:
            (name, _, kind, raw), *rest = seen.parts
            need(name == "citation" and kind == "application/json", "the first part is not the citation")
            body = json.loads(raw)
            need(len(rest) == len(body["evidence"]), "evidence and files differ")
            need(all(name == "evidence" and filename for name, filename, _, _ in rest), "evidence")
            files = [(str(kind), content) for _, _, kind, content in rest]
        need_fields(body, "citationNumber", "licensePlate", "violation.code", "officer.id", "timestamp")
        self.citations[body["citationNumber"]] = files
        return {"citationNumber": body["citationNumber"], "status": "ISSUED"}
