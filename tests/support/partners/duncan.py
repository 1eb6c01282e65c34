"""The sandbox of Duncan Solutions: citations for processing and collection."""

from typing import Any

from tests.support.partners.server import PartnerServer, Seen, need, need_fields


class Duncan(PartnerServer):
    def answer(self, seen: Seen) -> Any:
        need((seen.method, seen.path) == ("POST", "/citations"), "no such address", 404)
        need_fields(
            seen.json,
            "citationNumber",
            "licensePlate",
            "violation.fineAmount",
            "issuedAt",
            "amountDue",
            "status",
        )
        return {"citationNumber": seen.json["citationNumber"], "status": "IN_PROCESS"}
