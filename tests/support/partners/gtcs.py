"""The sandbox of GTCS: reports of revenue, whose sums it checks."""

from decimal import Decimal
from typing import Any, ClassVar

from multidict import CIMultiDict

from tests.support.partners.server import KEY, PartnerServer, Seen, bearer, need, need_fields


class Gtcs(PartnerServer):
    credentials: ClassVar[dict[str, Any]] = {"kind": "bearer", "token": KEY}

    def authorized(self, headers: CIMultiDict[str]) -> bool:
        return bearer(headers, KEY)

    def answer(self, seen: Seen) -> Any:
        body = seen.json
        need((seen.method, seen.path) == ("POST", "/reconciliation"), "no such address", 404)
        need_fields(body, "reportPeriod.from", "reportPeriod.to", "transactions", "summary.netRevenue")
        total, fees, net = (
            Decimal(str(body["summary"][name])) for name in ("totalRevenue", "processingFees", "netRevenue")
        )
        need(total - fees == net, "the summary does not add up")
        return {"accepted": len(body["transactions"])}
