"""The sandbox of Parkeon / Flowbird: the state of meters, and their rates."""

from typing import Any

from tests.support.partners.server import PartnerServer, Seen, need, need_fields


class Parkeon(PartnerServer):
    def __init__(self) -> None:
        super().__init__()
        self.meters: dict[str, Any] = {}

    def answer(self, seen: Seen) -> Any:
        body = seen.json
        if seen.method == "PUT":
            need(seen.path.startswith("/meter-config/"), "no such address", 404)
            need("meterId" not in body, "meterId belongs into the address")
            need_fields(body, "rates")
            for rate in body["rates"]:
                need_fields(rate, "timeSlot", "rate", "maxDuration", "gracePeriod")
            self.meters[seen.path.rpartition("/")[2]] = body
            return {"status": "APPLIED"}
        need((seen.method, seen.path) == ("POST", "/meter-status"), "no such address", 404)
        need_fields(
            body,
            "meterId",
            "zoneNumber",
            "status.operational",
            "status.spaceOccupied",
            "status.timeRemaining",
        )
        return {"status": "RECEIVED"}
