"""Each kind of partner gets what it expects, and its answer comes back."""

import random
from base64 import b64encode
from typing import Any, cast

import orjson
import pytest
from pydantic import ValidationError
from yarl import URL

from control.integrations.operations import KINDS, OPERATIONS, PARTNERS, prepare
from tests.control.integrations.conftest import Partners
from tests.support.partners import SERVERS
from tests.support.partners.aims import Aims
from tests.support.partners.chirpstack import ChirpStack
from tests.support.partners.ips import Ips
from tests.support.partners.parkeon import Parkeon
from tests.support.partners.parkpow import ParkPow
from tests.support.partners.teller import Teller

PICTURE = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 400
SPOT = {"zoneNumber": "A1", "latitude": 41.0534, "longitude": -73.5387, "address": "123 Main Street"}
OFFENCE = {"code": "PKG-001", "description": "Expired Meter", "fineAmount": 25.00}
VERIFY = {"licensePlate": "TEST123", "state": "CT", "location": SPOT, "officerId": "officer_123"}
VIOLATION = {
    "licensePlate": "XYZ789", "state": "CT", "location": SPOT, "violationType": "EXPIRED_METER", "description": "15 minutes over",
    "fineAmount": 25.00, "officerId": "officer_123", "timestamp": "2024-01-01T07:15:00-05:00",
    "evidence": [{"type": "PHOTO", "url": "https://ips-storage.example/1.jpg", "timestamp": "2024-01-01T12:15:00Z",
                  "metadata": {"gps": "41.05,-73.5", "camera": "rear"}},
                 {"type": "VIDEO", "url": "https://ips-storage.example/1.mp4", "duration": 30, "timestamp": "2024-01-01T12:15:00Z"}],
    "weather": "Clear",
}  # fmt: skip
PAYMENT = {
    "paymentId": "park_payment_123", "amount": 475, "currency": "USD", "paymentMethod": {"type": "CREDIT_CARD", "token": "teller_pm_456"},
    "metadata": {"zoneNumber": "A1"}, "statementDescriptor": "STAMFORD PARKING", "applicationFee": {"amount": 25},
}  # fmt: skip
REFUND = {"originalPaymentId": "park_payment_123", "refundAmount": 238, "reason": "EARLY_SESSION_END"}
CITATION = {
    "citationNumber": "AIMS-2024-000123", "licensePlate": "XYZ789", "state": "CT", "violation": OFFENCE, "location": SPOT,
    "officer": {"id": "officer_123", "name": "Officer Smith", "badge": "PS-456"},
    "evidence": [{"type": "PHOTO", "base64Data": b64encode(PICTURE).decode(), "mimeType": "image/jpeg"}],
}  # fmt: skip
METER = {
    "meterId": "METER-A1-001", "zoneNumber": "A1",
    "status": {"operational": True, "spaceOccupied": True, "timeRemaining": 3600,
               "lastPayment": {"amount": 2.00, "duration": 60, "timestamp": "2024-01-01T11:00:00.000Z", "paymentMethod": "CREDIT_CARD"}},
    "diagnostics": {"batteryLevel": 85, "signalStrength": -65, "temperature": 22},
}  # fmt: skip
RATES = {
    "meterId": "METER/A1 1", "enforcement": {"enabled": True, "alertThreshold": 300, "violationCode": "PKG-001"},
    "rates": [{"timeSlot": "08:00-18:00", "rate": 2.00, "maxDuration": 240, "gracePeriod": 5}],
}  # fmt: skip
REPORT = {
    "reportPeriod": {"from": "2024-01-01T00:00:00.000Z", "to": "2024-01-01T23:59:59.000Z"},
    "transactions": [{"transactionId": "txn_123", "timestamp": "2024-01-01T10:00:00Z", "amount": 4.75, "type": "PARKING_PAYMENT", "zone": "A1",
                      "paymentMethod": "CREDIT_CARD", "accountingCode": "4100-PARKING-REVENUE"}],
    "summary": {"totalRevenue": 1247.83, "totalTransactions": 287, "processingFees": 62.39, "netRevenue": 1185.44},
}  # fmt: skip
COLLECT = {
    "citationNumber": "C-1", "licensePlate": "XYZ789", "state": "CT", "violation": OFFENCE, "location": SPOT,
    "issuedAt": "2024-01-01T12:15:00Z", "amountDue": 25, "dueDate": "2024-02-01",
}  # fmt: skip
DOWNLINK = {"devEui": "70b3d57ed005a1f3", "fPort": 10, "data": b64encode(b"\x01\x02").decode()}
EXAMPLES: dict[str, Any] = {
    "ips.verify": VERIFY, "ips.violations": VIOLATION, "teller.payments": PAYMENT, "teller.refunds": REFUND,
    "aims.lookup": {"licensePlate": "XYZ789", "state": "CT", "zone": "A1", "latitude": 41.0534}, "aims.citations": CITATION,
    "parkeon.meter_status": METER, "parkeon.meter_config": RATES, "gtcs.reconciliation": REPORT, "duncan.citations": COLLECT,
    "chirpstack.enqueue": DOWNLINK, "parkpow.snapshot": {"plate_number": "ABC-1234", "test": True},
    "custom.request": {"method": "PUT", "path": "/things/7", "query": {"a": "b c"}, "body": {"x": [1]}},
}  # fmt: skip


@pytest.fixture
def documents_url() -> str:
    """Documents play no part here."""
    return ""


def test_every_kind_has_a_sandbox_and_every_operation_an_example() -> None:
    assert set(SERVERS) == set(KINDS) == set(PARTNERS)
    assert set(EXAMPLES) == set(OPERATIONS)
    assert {name: kind for kind in KINDS for name in (one.name for one in PARTNERS[kind].operations)} == {
        name: name.partition(".")[0] for name in OPERATIONS
    }


@pytest.mark.parametrize("operation", EXAMPLES)
async def test_an_operation_is_carried_out(partners: Partners, operation: str) -> None:
    server, path = await partners.connected(operation.partition(".")[0])
    said = await partners.done(path, operation, EXAMPLES[operation])
    assert (said["ok"], said["status"], said["tries"], said["environment"]) == (True, 200, 1, "sandbox")
    (seen,) = server.seen
    assert seen.headers["X-Request-Id"] == said["id"] and said["id"].startswith("dlv_")
    assert seen.headers["Accept"] == "application/json"
    shown = await partners.health(path)
    assert (shown["state"], shown["calls"], shown["failures"], shown["breaker"]) == ("ok", 1, 0, "closed")
    assert shown["operations"][operation]["calls"] == 1 and shown["last_success"]


@pytest.mark.parametrize("operation", EXAMPLES)
async def test_with_the_wrong_credentials_nothing_happens(partners: Partners, operation: str) -> None:
    server, path = await partners.connected(operation.partition(".")[0])
    kind = server.credentials["kind"]
    wrong = {
        "api_key": {"key": "wrong"},
        "bearer": {"token": "wrong"},
        "basic": {"password": "wrong"},
        "oauth2": {"client_secret": "wrong", "token_url": f"{server.url}/oauth/token"},
    }
    credentials = {**server.credentials, **wrong[kind]}
    await partners.world.done("PATCH", path, partners.headers, {"sandbox": {"credentials": credentials}})
    reply = await partners.ask(path, operation, EXAMPLES[operation])
    assert (reply.status_code, reply.json()["code"]) == (502, "partner_failed")
    assert partners.waits == [] and "wrong" not in reply.text
    assert "redentials" in reply.json()["detail"] or "client id" in reply.json()["detail"]


# -- what each partner sees


async def test_a_question_to_ips(partners: Partners) -> None:
    server, path = await partners.connected("ips")
    said = await partners.done(path, "ips.verify", VERIFY)
    assert said["answer"]["verification"]["isValid"] is True
    assert said["answer"]["verification"]["session"]["id"] == "session_789"
    seen = server.seen[0].json
    assert seen["requestId"] == said["id"] and seen["timestamp"].endswith("Z")
    other = await partners.done(path, "ips.verify", {**VERIFY, "licensePlate": "XYZ789"})
    assert other["answer"]["enforcementRecommendation"] == "ISSUE_CITATION"


async def test_a_violation_has_its_evidence_and_times_in_utc(partners: Partners) -> None:
    server, path = await partners.connected("ips")
    said = await partners.done(path, "ips.violations", VIOLATION)
    (stored,) = cast(Ips, server).violations.values()
    assert stored["violationId"] == said["answer"]["violationId"]
    assert stored["timestamp"] == "2024-01-01T12:15:00.000Z" and stored["fineAmount"] == 25.0
    assert [one["type"] for one in stored["evidence"]] == ["PHOTO", "VIDEO"]


async def test_a_payment_is_in_cents_and_has_a_key(partners: Partners) -> None:
    server, path = await partners.connected("teller")
    said = await partners.done(path, "teller.payments", PAYMENT)
    assert (said["answer"]["netAmount"], said["answer"]["processingFee"]) == (450, 25)
    assert server.seen[0].headers["Idempotency-Key"] == "park_payment_123"
    await partners.done(path, "teller.refunds", REFUND, Idempotency_Key="refund-7")
    assert server.seen[1].headers["Idempotency-Key"] == "refund-7"
    assert cast(Teller, server).taken == [("park_payment_123", 475), ("park_payment_123", -238)]
    shown = (await partners.health(path))["operations"]
    assert (shown["teller.payments"]["cents"], shown["teller.refunds"]["cents"]) == (475, 238)


async def test_evidence_of_a_citation_is_sent_as_files(partners: Partners) -> None:
    server, path = await partners.connected("aims")
    await partners.done(path, "aims.citations", CITATION)
    assert cast(Aims, server).citations == {"AIMS-2024-000123": [("image/jpeg", PICTURE)]}
    without = {**CITATION, "citationNumber": "2", "evidence": []}
    await partners.done(path, "aims.citations", without)
    assert cast(Aims, server).citations["2"] == [] and server.seen[1].json["citationNumber"] == "2"


async def test_a_large_piece_of_evidence_passes(partners: Partners) -> None:
    server, path = await partners.connected("aims")
    movie = bytes(4_000_000)
    evidence = [{"type": "VIDEO", "base64Data": b64encode(movie).decode(), "mimeType": "video/mp4"}]
    await partners.done(path, "aims.citations", {**CITATION, "evidence": evidence})
    assert cast(Aims, server).citations["AIMS-2024-000123"] == [("video/mp4", movie)]
    more = await partners.ask(path, "aims.citations", {**CITATION, "evidence": evidence * 2})
    assert more.status_code in (413, 422)


async def test_a_plate_in_an_address_is_escaped(partners: Partners) -> None:
    server, path = await partners.connected("aims")
    said = await partners.done(path, "aims.lookup", {"licensePlate": "Ä 1-2", "state": "CT"})
    assert server.seen[0].path.startswith("/lookup/%C3%84%201-2?state=CT&timestamp=")
    assert said["answer"]["state"] == "CT"
    for plate in ("..", "A/../B", "A?x=1", "A\nB", ""):
        assert (await partners.ask(path, "aims.lookup", {"licensePlate": plate, "state": "CT"})).status_code == 422  # fmt: skip


async def test_a_meter_is_named_in_the_address(partners: Partners) -> None:
    server, path = await partners.connected("parkeon")
    await partners.done(path, "parkeon.meter_config", RATES)
    assert list(cast(Parkeon, server).meters) == ["METER%2FA1%201"]
    assert server.seen[0].json["rates"][0]["rate"] == 2.0


async def test_a_downlink_is_queued(partners: Partners) -> None:
    server, path = await partners.connected("chirpstack")
    said = await partners.done(path, "chirpstack.enqueue", DOWNLINK)
    assert said["answer"]["id"]
    assert cast(ChirpStack, server).queued == [("70b3d57ed005a1f3", 10, b"\x01\x02")]


async def test_a_picture_of_a_plate_goes_along(partners: Partners) -> None:
    server, path = await partners.connected("parkpow")
    data = {"plate_number": "ABC-1234", "camera_id": "gate", "image": b64encode(PICTURE).decode()}
    await partners.done(path, "parkpow.snapshot", data)
    await partners.done(path, "parkpow.snapshot", {"plate_number": "ABC-1234", "test": True})
    assert cast(ParkPow, server).plates == [("ABC-1234", PICTURE), ("ABC-1234", b"")]
    assert server.seen[1].json["test"] is True


async def test_any_request_stays_below_the_address(partners: Partners) -> None:
    _, path = await partners.connected("custom")
    said = await partners.done(path, "custom.request", EXAMPLES["custom.request"])
    assert said["answer"] == {"method": "PUT", "path": "/things/7?a=b+c", "body": {"x": [1]}}
    for bad in ("things", "/../x", "/a/../b", "//evil.example/", "/a?b", "/a#b", "/a\\b", "/%2e%2e/"):
        assert (await partners.ask(path, "custom.request", {"path": bad})).status_code == 422, bad


@pytest.mark.parametrize(("operation", "changes", "field"), [
    ("ips.verify", {"licensePlate": "abc"}, "data.licensePlate"),
    ("ips.verify", {"location": {}}, "data.location.zoneNumber"),
    ("ips.verify", {"surprise": 1}, "data.surprise"),
    ("ips.violations", {"fineAmount": 25.005}, "data.fineAmount"),
    ("ips.violations", {"fineAmount": -1}, "data.fineAmount"),
    ("ips.violations", {"timestamp": "2024-01-01T12:00:00"}, "data.timestamp"),
    ("teller.payments", {"amount": 4.75}, "data.amount"),
    ("teller.payments", {"amount": "475"}, "data.amount"),
    ("teller.payments", {"amount": 0}, "data.amount"),
    ("teller.payments", {"applicationFee": {"amount": 476}}, "data"),
    ("teller.payments", {"currency": "usd"}, "data.currency"),
    ("teller.refunds", {"refundAmount": True}, "data.refundAmount"),
    ("aims.citations", {"evidence": [{"type": "PHOTO", "base64Data": "no base64!", "mimeType": "image/jpeg"}]}, "data.evidence.0.base64Data"),
    ("parkeon.meter_config", {"rates": [{"timeSlot": "8-18", "rate": 1, "maxDuration": 1, "gracePeriod": 0}]}, "data.rates.0.timeSlot"),
    ("gtcs.reconciliation", {"summary": {"totalRevenue": 10, "totalTransactions": 1, "processingFees": 1, "netRevenue": 9.5}}, "data.summary"),
    ("gtcs.reconciliation", {"reportPeriod": {"from": "2024-01-02T00:00:00Z", "to": "2024-01-01T00:00:00Z"}}, "data.reportPeriod"),
    ("chirpstack.enqueue", {"devEui": "70B3"}, "data.devEui"),
    ("chirpstack.enqueue", {"fPort": 0}, "data.fPort"),
    ("parkpow.snapshot", {"plateNumber": "A"}, "data.plateNumber"),
])  # fmt: skip
async def test_wrong_fields_are_named_and_nothing_is_sent(
    partners: Partners, operation: str, changes: dict[str, Any], field: str
) -> None:
    server, path = await partners.connected(operation.partition(".")[0])
    reply = await partners.ask(path, operation, {**EXAMPLES[operation], **changes})
    assert reply.status_code == 422, reply.text
    assert field in [one["field"].rstrip(".") for one in reply.json()["errors"]]
    assert server.seen == []


ODD: list[Any] = [
    None, True, 0, -1, 1.5, 1e308, 10**30, 2**63, "", "x" * 3000, "\x00", "é", "..", "a/b", "%2e", "12.345", "2024-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", [], {}, [1], {"a": 1}, [[[]]],
]  # fmt: skip


def bent(value: Any, draw: random.Random) -> Any:
    """The same with something odd in one place."""
    if isinstance(value, dict) and value and draw.random() < 0.85:
        name = draw.choice(list(value))
        return {**value, name: bent(value[name], draw)}
    if isinstance(value, list) and value and draw.random() < 0.7:
        return [bent(value[0], draw), *value[1:]]
    return draw.choice(ODD)


def test_whatever_is_taken_can_be_sent() -> None:
    """20,000 examples with something odd in one place: refused with its field, or a request that can be written
    below the connection's address."""
    draw, taken = random.Random(3), 0
    for _ in range(20_000):
        name = draw.choice(list(EXAMPLES))
        try:
            data = OPERATIONS[name].data.model_validate(bent(EXAMPLES[name], draw))
        except ValidationError:
            continue
        asked = prepare(OPERATIONS[name], data, "dlv_1", 0, "", as_files=draw.random() < 0.5)
        assert orjson.loads(orjson.dumps(asked.json)) == asked.json
        path = URL("https://partner.example/v1" + asked.path)
        assert path.path.startswith("/v1/") and ".." not in path.parts and path.host == "partner.example"
        taken += 1
    assert taken > 1000


async def test_a_kind_is_not_asked_what_another_knows(partners: Partners) -> None:
    _, path = await partners.connected("ips")
    reply = await partners.ask(path, "teller.payments", PAYMENT)
    assert reply.status_code == 422 and "ips.verify, ips.violations" in reply.json()["detail"]
