"""What partners are asked and told, field by field, with the names that the partners use.

Times are sent in UTC with milliseconds. Amounts of money are integers in cents where the partner counts in
cents (Teller), else decimal numbers with two places at most.
"""

import base64
import binascii
import re
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

import orjson
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)
from pydantic.alias_generators import to_camel

from weir.foundation.clock import rfc3339
from weir.foundation.http.listing import ms_of
from weir.foundation.texts import Line, Text

MOST_EVIDENCE_BYTES = 5 * 1024 * 1024
CENTS = 10_000_000_00


def _time(time: Any) -> str:
    return rfc3339(ms_of(time) or 0)


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        return base64.b64decode(str(value), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("this is not base64") from None


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _segment(value: str) -> str:
    if value in (".", ".."):
        raise ValueError("this is no name")
    return value


When = Annotated[AwareDatetime, PlainSerializer(_time, return_type=str)]
Money = Annotated[
    Decimal, Field(ge=0, max_digits=12, decimal_places=2), PlainSerializer(float, return_type=float)
]
Count = Annotated[int, Field(ge=0, le=2**31)]
Cents = Annotated[int, Field(strict=True, ge=1, le=CENTS)]
Bytes = Annotated[
    bytes,
    BeforeValidator(_bytes, json_schema_input_type=str),
    PlainSerializer(_text, return_type=str),
]
Name = Annotated[Line, Field(min_length=1, max_length=100), AfterValidator(_segment)]
Short = Annotated[Line, Field(min_length=1, max_length=200)]
Long = Annotated[Text, Field(max_length=1000)]
Plate = Annotated[str, Field(pattern=r"^[A-Z0-9À-Ý][A-Z0-9À-Ý -]{0,14}$")]
Region = Annotated[str, Field(pattern=r"^[A-Z]{2,3}$")]
Code = Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9_-]{0,39}$")]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]
Note = Annotated[dict[Annotated[str, Field(max_length=40)], Short], Field(max_length=20)]


class PartnerData(BaseModel):
    """Base of an operation's data. `made_up` names fields that get the call's own id when they are left out;
    a `timestamp` that is left out is the present."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, alias_generator=to_camel)
    made_up: ClassVar[tuple[str, ...]] = ()

    def sent(self) -> dict[str, Any]:
        """As JSON, with the partner's names."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Spot(PartnerData):
    zone_number: Name
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    address: Short | None = None


# -- IPS Group


class VerifyPlate(PartnerData):
    made_up = ("requestId",)
    request_id: Name | None = None
    timestamp: When | None = None
    license_plate: Plate
    state: Region
    location: Spot
    officer_id: Name
    device_id: Name | None = None


class LinkedEvidence(PartnerData):
    type: Literal["PHOTO", "VIDEO"]
    url: str = Field(pattern=r"^https://[^\s]+$", max_length=2048)
    duration: int | None = Field(None, ge=0, le=3600, description="Seconds.")
    timestamp: When
    metadata: Note | None = None


class ReportViolation(PartnerData):
    made_up = ("violationId",)
    violation_id: Name | None = None
    timestamp: When | None = None
    license_plate: Plate
    state: Region
    location: Spot
    violation_type: Code
    description: Long
    fine_amount: Money
    officer_id: Name
    device_id: Name | None = None
    evidence: list[LinkedEvidence] = Field([], max_length=20)
    weather: Short | None = None
    time_of_day: Short | None = None


# -- Teller: amounts in cents


class PaymentMethod(PartnerData):
    type: Code
    token: str = Field(pattern=r"^[\x21-\x7e]{1,200}$")


class ApplicationFee(PartnerData):
    amount: Cents
    description: Short | None = None


class TakePayment(PartnerData):
    payment_id: Name
    amount: Cents
    currency: str = Field("USD", pattern=r"^[A-Z]{3}$")
    payment_method: PaymentMethod
    metadata: Note | None = None
    description: Long | None = None
    statement_descriptor: str | None = Field(None, pattern=r"^[A-Z0-9 .*-]{1,22}$")
    application_fee: ApplicationFee | None = None

    @model_validator(mode="after")
    def _fee_within(self) -> "TakePayment":
        if self.application_fee is not None and self.application_fee.amount > self.amount:
            raise ValueError("the application fee is larger than the amount")
        return self


class Refund(PartnerData):
    original_payment_id: Name
    refund_amount: Cents
    reason: Code
    metadata: Note | None = None


# -- AIMS


class LookUpPlate(PartnerData):
    license_plate: Plate
    state: Region
    zone: Name | None = None
    officer_id: Name | None = None
    device_id: Name | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    timestamp: When | None = None


class Offence(PartnerData):
    code: Code
    description: Short
    fine_amount: Money


class Officer(PartnerData):
    id: Name
    name: Short
    badge: Name | None = None


class Evidence(PartnerData):
    type: Literal["PHOTO", "VIDEO"]
    base64_data: Bytes = Field(alias="base64Data", min_length=1, max_length=MOST_EVIDENCE_BYTES)
    mime_type: Literal["image/jpeg", "image/png", "image/webp", "video/mp4"]


class IssueCitation(PartnerData):
    citation_number: Name
    license_plate: Plate
    state: Region
    violation: Offence
    location: Spot
    officer: Officer
    timestamp: When | None = None
    evidence: list[Evidence] = Field([], max_length=10)

    @model_validator(mode="after")
    def _bounded(self) -> "IssueCitation":
        if sum(len(one.base64_data) for one in self.evidence) > MOST_EVIDENCE_BYTES:
            raise ValueError("the evidence has more than 5 MB")
        return self


# -- Parkeon / Flowbird


class LastPayment(PartnerData):
    amount: Money
    duration: Count = Field(description="Minutes.")
    timestamp: When
    payment_method: Code


class MeterState(PartnerData):
    operational: bool
    space_occupied: bool
    time_remaining: Count = Field(description="Seconds.")
    last_payment: LastPayment | None = None


class Diagnostics(PartnerData):
    battery_level: int | None = Field(None, ge=0, le=100, description="Percent.")
    signal_strength: int | None = Field(None, ge=-200, le=0, description="dBm.")
    temperature: float | None = Field(None, ge=-90, le=120, description="Degrees Celsius.")
    last_maintenance: When | None = None


class MeterStatus(PartnerData):
    meter_id: Name
    zone_number: Name
    status: MeterState
    diagnostics: Diagnostics | None = None


class MeterRate(PartnerData):
    time_slot: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-4]):[0-5]\d$")
    rate: Money
    max_duration: int = Field(ge=1, le=44_640, description="Minutes.")
    grace_period: int = Field(ge=0, le=1440, description="Minutes.")


class Enforcement(PartnerData):
    enabled: bool
    alert_threshold: int = Field(ge=0, le=86_400, description="Seconds after the time has run out.")
    violation_code: Code


class MeterConfiguration(PartnerData):
    meter_id: Name
    rates: list[MeterRate] = Field(min_length=1, max_length=48)
    enforcement: Enforcement | None = None


# -- GTCS


class ReportPeriod(PartnerData):
    since: When = Field(alias="from")
    until: When = Field(alias="to")

    @model_validator(mode="after")
    def _in_order(self) -> "ReportPeriod":
        if self.since >= self.until:
            raise ValueError("`from` must be before `to`")
        return self


class Transaction(PartnerData):
    transaction_id: Name
    timestamp: When
    amount: Money
    type: Code
    zone: Name
    payment_method: Code
    accounting_code: Code


class RevenueSummary(PartnerData):
    total_revenue: Money
    total_transactions: Count
    processing_fees: Money
    net_revenue: Money

    @model_validator(mode="after")
    def _adds_up(self) -> "RevenueSummary":
        if self.total_revenue - self.processing_fees != self.net_revenue:
            raise ValueError("netRevenue is not totalRevenue less processingFees")
        return self


class Reconciliation(PartnerData):
    report_period: ReportPeriod
    transactions: list[Transaction] = Field(max_length=10_000)
    summary: RevenueSummary


# -- Duncan Solutions


class CollectCitation(PartnerData):
    citation_number: Name
    license_plate: Plate
    state: Region
    violation: Offence
    location: Spot
    issued_at: When
    due_date: str | None = Field(None, pattern=r"^\d{4}-\d\d-\d\d$")
    amount_due: Money
    status: Literal["ISSUED", "OVERDUE", "COLLECTIONS", "PAID", "VOID"] = "ISSUED"


# -- ParkPow: its names are written with underscores


class PlateSnapshot(PartnerData):
    model_config = ConfigDict(alias_generator=None)
    plate_number: Plate
    camera_id: Name | None = None
    timestamp: When | None = None
    test: bool | None = None
    image: Bytes | None = Field(
        None, max_length=MOST_EVIDENCE_BYTES, description="A JPEG picture in base64, sent as a file."
    )


# -- ChirpStack


class Downlink(PartnerData):
    dev_eui: str = Field(pattern=r"^[0-9a-f]{16}$")
    f_port: int = Field(ge=1, le=223)
    data: Bytes = Field(min_length=1, max_length=242)
    confirmed: bool = False


# -- anything else


def _below(path: str) -> str:
    if path != "/" and any(part in ("", ".", "..") for part in path.removesuffix("/")[1:].split("/")):
        raise ValueError("a path of names, without empty parts, `.` and `..`")
    return path


def writable(value: Any) -> Any:
    """JSON that was read can be written again, also inside what we wrap around it: it may be nested more deeply
    than orjson writes. Errors: ValueError."""
    try:
        orjson.dumps([[[[[[value]]]]]])
    except TypeError:
        raise ValueError("nested too deeply") from None
    return value


class FreeRequest(PartnerData):
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    path: Annotated[str, Field(pattern=r"^/[A-Za-z0-9._~/-]{0,500}$"), AfterValidator(_below)] = "/"
    query: Annotated[dict[Annotated[str, Field(max_length=100)], str], Field(max_length=30)] = {}
    body: Annotated[Any, AfterValidator(writable)] = None


PATH_FIELD = re.compile(r"{(\w+)}")
