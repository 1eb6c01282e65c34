"""The sandbox of Teller: payments and refunds in cents, recognised by Idempotency-Key."""

from typing import Any, ClassVar

from multidict import CIMultiDict

from tests.support.partners.server import KEY, PartnerServer, Seen, bearer, need, need_fields


class Teller(PartnerServer):
    """A repeated Idempotency-Key gets the first answer; `taken` counts what really happened."""

    credentials: ClassVar[dict[str, Any]] = {"kind": "bearer", "token": KEY}

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[tuple[str, int]] = []
        self._answers: dict[str, Any] = {}
        self.lose_answers = 0

    def authorized(self, headers: CIMultiDict[str]) -> bool:
        return bearer(headers, KEY)

    def answer(self, seen: Seen) -> Any:
        key = seen.headers.get("Idempotency-Key", "")
        need(key, "Idempotency-Key is missing", 400)
        if key not in self._answers:
            self._answers[key] = self._payment(seen) if seen.path == "/payments" else self._refund(seen)
        if self.lose_answers:
            self.lose_answers -= 1
            need(False, "the answer is lost", 500)
        return self._answers[key]

    def _payment(self, seen: Seen) -> Any:
        body = seen.json
        need_fields(body, "paymentId", "amount", "currency", "paymentMethod.type", "paymentMethod.token")
        need(type(body["amount"]) is int, "amount is not an integer of cents")
        need(body["paymentMethod"]["token"] != "declined", "card declined", 402)
        self.taken.append((body["paymentId"], body["amount"]))
        fee = body.get("applicationFee", {}).get("amount", 0)
        return {
            "paymentId": body["paymentId"],
            "tellerTransactionId": "teller_txn_789",
            "status": "COMPLETED",
            "amount": body["amount"],
            "netAmount": body["amount"] - fee,
            "processingFee": fee,
            "confirmation": {"number": "PARK-2024-000123"},
            "accounting": {"revenueAccount": "4100-PARKING-REVENUE"},
            "reconciliation": {"settlementDate": "2024-01-02"},
        }

    def _refund(self, seen: Seen) -> Any:
        body = seen.json
        need(seen.path == "/refunds", "no such address", 404)
        need_fields(body, "originalPaymentId", "refundAmount", "reason")
        need(type(body["refundAmount"]) is int, "refundAmount is not an integer of cents")
        self.taken.append((body["originalPaymentId"], -body["refundAmount"]))
        return {"originalPaymentId": body["originalPaymentId"], "status": "REFUNDED"}
