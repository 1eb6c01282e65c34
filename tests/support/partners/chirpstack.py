"""The sandbox of ChirpStack: the queue of downlinks, by its REST interface."""

import re
from base64 import b64decode
from typing import Any, ClassVar

from multidict import CIMultiDict

from tests.support.partners.server import KEY, PartnerServer, Seen, need, need_fields


class ChirpStack(PartnerServer):
    test_path: ClassVar[str] = "/api/tenants?limit=1"
    credentials: ClassVar[dict[str, Any]] = {
        "kind": "api_key",
        "header": "Grpc-Metadata-Authorization",
        "prefix": "Bearer",
        "key": KEY,
    }

    def __init__(self) -> None:
        super().__init__()
        self.queued: list[tuple[str, int, bytes]] = []

    def authorized(self, headers: CIMultiDict[str]) -> bool:
        return headers.get("Grpc-Metadata-Authorization") == f"Bearer {KEY}"

    def answer(self, seen: Seen) -> Any:
        found = re.fullmatch(r"/api/devices/([0-9a-f]{16})/queue", seen.path)
        need(found and seen.method == "POST", "Not Found", 404)
        assert found
        need_fields(seen.json, "queueItem.fPort", "queueItem.data", "queueItem.confirmed")
        item = seen.json["queueItem"]
        self.queued.append((found[1], item["fPort"], b64decode(item["data"], validate=True)))
        return {"id": "0f0e0d0c-0000-0000-0000-000000000001"}
