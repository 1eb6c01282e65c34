"""The sandbox of IPS Group: is a vehicle parked rightly, and violations."""

from typing import Any, ClassVar

from multidict import CIMultiDict

from tests.support.partners.server import KEY, PartnerServer, Seen, bearer, need, need_fields


class Ips(PartnerServer):
    """`Authorization: ApiKey …`. A plate that begins with TEST has a running session."""

    credentials: ClassVar[dict[str, Any]] = {
        "kind": "api_key",
        "header": "Authorization",
        "prefix": "ApiKey",
        "key": KEY,
    }

    def __init__(self) -> None:
        super().__init__()
        self.violations: dict[str, Any] = {}

    def authorized(self, headers: CIMultiDict[str]) -> bool:
        return bearer(headers, KEY, "ApiKey")

    def answer(self, seen: Seen) -> Any:
        body = seen.json
        if (seen.method, seen.path) == ("POST", "/verify"):
            need_fields(
                body, "requestId", "timestamp", "licensePlate", "state", "location.zoneNumber", "officerId"
            )
            return self._verified(body)
        need((seen.method, seen.path) == ("POST", "/violations"), "no such address", 404)
        need_fields(
            body, "violationId", "timestamp", "licensePlate", "violationType", "description", "fineAmount", "officerId", "location"
        )  # fmt: skip
        need(body["violationId"] not in self.violations, "violationId is taken", 409)
        self.violations[body["violationId"]] = body
        return {"violationId": body["violationId"], "status": "ISSUED"}

    def _verified(self, body: Any) -> Any:
        valid = body["licensePlate"].startswith("TEST")
        session = {"id": "session_789", "timeRemaining": 7200} if valid else None
        return {
            "requestId": body["requestId"],
            "verification": {
                "isValid": valid,
                "status": "ACTIVE" if valid else "NONE",
                "session": session,
                "vehicle": {"licensePlate": body["licensePlate"], "state": body["state"]},
                "permits": [],
            },
            "enforcementRecommendation": "NO_ACTION" if valid else "ISSUE_CITATION",
        }
