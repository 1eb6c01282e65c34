"""The table of partners: what each kind can be asked and told. Pure.

A row says method, path below the connection's address, the fields, and whether repeating it is safe after
an answer was lost: a question, a PUT, or what the partner recognises by its Idempotency-Key. What is not
safe to repeat is tried again only when it certainly did not arrive.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args
from urllib.parse import quote, urlencode

import orjson

from control.integrations.partner_data import (
    PATH_FIELD,
    CollectCitation,
    Downlink,
    FreeRequest,
    IssueCitation,
    LookUpPlate,
    MeterConfiguration,
    MeterStatus,
    PartnerData,
    PlateSnapshot,
    Reconciliation,
    Refund,
    ReportViolation,
    TakePayment,
    VerifyPlate,
)
from weir.foundation.clock import rfc3339

PartnerKind = Literal["ips", "teller", "aims", "parkeon", "gtcs", "duncan", "chirpstack", "parkpow", "custom"]
KINDS: tuple[PartnerKind, ...] = get_args(PartnerKind)


@dataclass(frozen=True)
class Operation:
    """`safe`: repeating it changes nothing more. `keyed`: the partner recognises repeats by Idempotency-Key;
    `key_field` gives the key where the caller sent none. `query`: fields go into the address. `files`: field →
    name of the part that holds the rest as JSON, when pictures are sent as files. `within`: the name around
    the body. `amount`: the field that counts cents."""

    name: str
    method: str
    path: str
    data: type[PartnerData]
    summary: str
    safe: bool = False
    keyed: bool = False
    key_field: str = ""
    query: bool = False
    files: tuple[str, str] | None = None
    within: str = ""
    amount: str = ""


@dataclass(frozen=True)
class Partner:
    """`addresses`: (production, sandbox) as the partner names them, empty where customers have their own.
    `test_path` is what a test asks for."""

    title: str
    operations: tuple[Operation, ...]
    addresses: tuple[str, str] = ("", "")
    test_path: str = "/health"


PARTNERS: Mapping[PartnerKind, Partner] = {
    "ips": Partner("IPS Group", (
        Operation("ips.verify", "POST", "/verify", VerifyPlate, "Is a vehicle parked rightly?", safe=True),
        Operation("ips.violations", "POST", "/violations", ReportViolation, "Report a violation, with links to its evidence."),
    ), ("https://api.ipsgroup.com/smartcity/v2", "https://sandbox-api.ipsgroup.com")),
    "teller": Partner("Teller", (
        Operation("teller.payments", "POST", "/payments", TakePayment, "Take a payment, in cents.", keyed=True, key_field="paymentId",
                  amount="amount"),
        Operation("teller.refunds", "POST", "/refunds", Refund, "Give back all or a part of a payment, in cents.", keyed=True,
                  amount="refundAmount"),
    ), ("", "https://sandbox.teller.io")),
    "aims": Partner("AIMS", (
        Operation("aims.lookup", "GET", "/lookup/{licensePlate}", LookUpPlate, "What is known of a plate.", safe=True, query=True),
        Operation("aims.citations", "POST", "/citations", IssueCitation, "Issue a citation, with its evidence as files.",
                  files=("evidence", "citation")),
    ), ("https://api.aims-enforcement.com/v1", "https://test-api.aims-enforcement.com")),
    "parkeon": Partner("Parkeon / Flowbird", (
        Operation("parkeon.meter_status", "POST", "/meter-status", MeterStatus, "Report the state of a meter.", safe=True),
        Operation("parkeon.meter_config", "PUT", "/meter-config/{meterId}", MeterConfiguration, "Set the rates of a meter.", safe=True),
    ), ("https://api.parkeon.com/v2", "")),
    "gtcs": Partner("GTCS", (
        Operation("gtcs.reconciliation", "POST", "/reconciliation", Reconciliation, "Report the revenue of a period."),
    )),
    "duncan": Partner("Duncan Solutions", (
        Operation("duncan.citations", "POST", "/citations", CollectCitation, "Hand over a citation for processing and collection."),
    )),
    "chirpstack": Partner("ChirpStack", (
        Operation("chirpstack.enqueue", "POST", "/api/devices/{devEui}/queue", Downlink, "Queue a downlink for a device.",
                  within="queueItem"),
    ), test_path="/api/tenants?limit=1"),
    "parkpow": Partner("ParkPow", (
        Operation("parkpow.snapshot", "POST", "/webhook-receiver/", PlateSnapshot, "Report a plate, with a picture.",
                  files=("image", "json")),
    ), ("https://app.parkpow.com/api/v1", ""), "/parking-list"),
    "custom": Partner("Another system", (
        Operation("custom.request", "POST", "/", FreeRequest, "Any request below the connection's address.", keyed=True),
    )),
}  # fmt: skip
OPERATIONS: Mapping[str, Operation] = {
    one.name: one for partner in PARTNERS.values() for one in partner.operations
}


@dataclass(frozen=True)
class File:
    name: str
    filename: str
    media: str
    content: bytes


@dataclass(frozen=True)
class PreparedCall:
    """A request to a partner before credentials and encryption. `repeatable`: it may be sent again although it
    may have arrived. `cents` is the amount that moves when it is accepted."""

    id: str
    operation: str
    method: str
    path: str
    json: Any = None
    part: str = ""
    files: tuple[File, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = False
    cents: int = 0


def prepare(
    operation: Operation, data: PartnerData, call_id: str, at_ms: int, key: str, as_files: bool = True
) -> PreparedCall:
    """`key` is the caller's Idempotency-Key, or empty. Without `as_files` pictures stay in the JSON, as base64."""
    if isinstance(data, FreeRequest):
        return _free(data, call_id, key)
    fields = _completed(data, call_id, at_ms)
    cents = fields.get(operation.amount, 0)
    key = key or str(fields.get(operation.key_field, "")) or call_id
    files, part = _files(operation, data, fields) if as_files else ((), "")
    path = PATH_FIELD.sub(lambda named: quote(str(fields.pop(named[1])), safe=""), operation.path)
    if operation.query:
        path, fields = f"{path}?{urlencode(fields)}", {}
    return PreparedCall(
        call_id,
        operation.name,
        operation.method,
        path,
        ({operation.within: fields} if operation.within else fields) if operation.method != "GET" else None,
        part,
        files,
        {"Idempotency-Key": key} if operation.keyed else {},
        operation.safe or operation.keyed,
        cents,
    )


def _completed(data: PartnerData, call_id: str, at_ms: int) -> dict[str, Any]:
    fields = data.sent()
    for name in data.made_up:
        fields.setdefault(name, call_id)
    if "timestamp" in type(data).model_fields:
        fields.setdefault("timestamp", rfc3339(at_ms))
    return fields


def _files(operation: Operation, data: PartnerData, fields: dict[str, Any]) -> tuple[tuple[File, ...], str]:
    """Takes the pictures out of `fields`. Without pictures everything is sent as JSON."""
    if operation.files is None or not fields.get(operation.files[0]):
        return (), ""
    name, part = operation.files
    if isinstance(data, IssueCitation):
        files = tuple(
            File(name, f"{name}-{number}.{one.mime_type.rpartition('/')[2]}", one.mime_type, one.base64_data)
            for number, one in enumerate(data.evidence, 1)
        )
        fields[name] = [{"type": one.type, "mimeType": one.mime_type} for one in data.evidence]
        return files, part
    assert isinstance(data, PlateSnapshot)
    assert data.image is not None
    del fields[name]
    return (File("upload", "snapshot.jpeg", "image/jpeg", data.image),), part


def _free(data: FreeRequest, call_id: str, key: str) -> PreparedCall:
    path = f"{data.path}?{urlencode(data.query)}" if data.query else data.path
    keyed = key and data.method in ("POST", "PATCH")
    return PreparedCall(
        call_id,
        "custom.request",
        data.method,
        path,
        data.body if data.method != "GET" else None,
        headers={"Idempotency-Key": key} if keyed else {},
        repeatable=bool(keyed) or data.method in ("GET", "PUT", "DELETE"),
    )


def multipart(part: str, json: Any, files: tuple[File, ...]) -> tuple[bytes, str]:
    """multipart/form-data (RFC 7578): the JSON part and the files, and the type with its boundary."""
    boundary = secrets.token_hex(16)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{part}"\r\nContent-Type: application/json\r\n\r\n'.encode()
        + orjson.dumps(json)
    ]
    for one in files:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{one.name}"; filename="{one.filename}"\r\nContent-Type: {one.media}'
        parts.append(f"{head}\r\n\r\n".encode() + one.content)
    return b"\r\n".join((*parts, f"--{boundary}--\r\n".encode())), f"multipart/form-data; boundary={boundary}"
