"""The sandbox of ParkPow: its receiver of plates, with and without a picture."""

import json
from typing import Any, ClassVar

from multidict import CIMultiDict

from tests.support.partners.server import KEY, PartnerServer, Seen, bearer, need, need_fields


class ParkPow(PartnerServer):
    test_path: ClassVar[str] = "/parking-list"
    credentials: ClassVar[dict[str, Any]] = {
        "kind": "api_key",
        "header": "Authorization",
        "prefix": "Token",
        "key": KEY,
    }

    def __init__(self) -> None:
        super().__init__()
        self.plates: list[tuple[str, bytes]] = []

    def authorized(self, headers: CIMultiDict[str]) -> bool:
        return bearer(headers, KEY, "Token")

    def answer(self, seen: Seen) -> Any:
        need((seen.method, seen.path) == ("POST", "/webhook-receiver/"), "no such address", 404)
        body, picture = seen.json, b""
        if seen.parts:
            (name, _, _, raw), (upload, filename, kind, picture) = seen.parts
            need(name == "json" and upload == "upload" and filename and kind == "image/jpeg", "parts")
            body = json.loads(raw)
        need_fields(body, "plate_number", "timestamp")
        self.plates.append((body["plate_number"], picture))
        return {"status": "created"}
