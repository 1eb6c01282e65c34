"""What a body may be, and what a mapping's results mean. Pure.

An outcome is what one rule made of one element: an event for the app's log, or a device's reading. A result that is none of these is
an error with its path (`rules.0.reading.state`), so that the mapping's author finds it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import parse_qsl

import orjson

from weir.foundation.errors import Invalid
from weir.foundation.texts import one_line

MOST_BYTES = 256 * 1024
FORM, MOST_FIELDS = "application/x-www-form-urlencoded", 1_000
MOST_ELEMENTS, MOST_NODES, DEEPEST = 5_000, 50_000, 32
MOST_DATA, MOST_FACTS = 16 * 1024, 256 * 1024
LONGEST_ID, LONGEST_SERIAL = 255, 64
LONGEST_VALUE, LARGEST = 500, 2**53
FUTURE_MS = 300_000
SECONDS_BELOW = 10**11  # as milliseconds a time in 1973
LATEST_MS = 4_102_444_800_000  # 2100
MOST_SPACE = 2**31
State = Literal["free", "occupied", "unknown"]
STATES: dict[str, State] = {
    **dict.fromkeys(("free", "vacant", "available", "empty"), "free"),
    **dict.fromkeys(("occupied", "busy", "taken"), "occupied"),
    "unknown": "unknown",
}
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:?\d\d)")
_FINER = re.compile(r"(\.\d{6})\d+")


@dataclass(frozen=True)
class EventOutcome:
    type: str
    data: dict[str, Any]


@dataclass(frozen=True)
class ReadingOutcome:
    """`at` in ms, None for now."""

    device: str
    state: State | None = None
    space: int | None = None
    at: int | None = None
    battery: float | None = None
    rssi: float | None = None
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class MappedDelivery:
    """What becomes of a body. `id` is the delivery's own, None when the mapping names none."""

    id: str | None
    events: list[EventOutcome]
    readings: list[ReadingOutcome]


class Unmappable(Exception):
    """`errors` are {field, detail}; `id` is the delivery's own as far as it is known."""

    def __init__(self, errors: list[dict[str, Any]], delivery: str | None = None) -> None:
        super().__init__(f"{errors[0]['field']}: {errors[0]['detail']}.")
        self.errors = errors
        self.id = delivery

    def refused(self) -> Invalid:
        return Invalid(str(self), fields=self.errors)


class _Wrong(Exception):
    """A result that can't be used; the message says why."""


def as_json(raw: bytes, content_type: str) -> bytes:
    """A form's JSON: that of its field `json` or `payload` (Plate Recognizer, GitHub), else its fields as an
    object. What looks like JSON is taken as it is, since not every sender names its type."""
    if not content_type.lower().startswith(FORM) or raw.lstrip()[:1] in (b"{", b"["):
        return raw
    try:
        fields = dict(
            parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        )
    except ValueError:
        return raw
    whole = next((fields[name] for name in ("json", "payload") if name in fields), None)
    return whole.encode() if whole is not None else orjson.dumps(fields)


def parsed(raw: bytes) -> Any:
    """The body. Errors: Unmappable."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Unmappable([{"field": "body", "detail": f"it is not JSON: {error}"}]) from None
    try:
        _count(body, 0, [0])
    except _Wrong as wrong:
        raise Unmappable([{"field": "body", "detail": str(wrong)}]) from None
    return body


def _count(value: Any, depth: int, nodes: list[int]) -> None:
    nodes[0] += 1
    if depth > DEEPEST:
        raise _Wrong(f"it is nested more than {DEEPEST} deep")
    if nodes[0] > MOST_NODES:
        raise _Wrong(f"it has more than {MOST_NODES} values")
    if isinstance(value, list) and len(value) > MOST_ELEMENTS:
        raise _Wrong(f"a list in it has {len(value)} elements; {MOST_ELEMENTS} are the most")
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            _count(one, depth + 1, nodes)


def expressions(mapping: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each expression of a mapping, by its path."""
    found = [(name, mapping[name]) for name in ("id", "each") if mapping.get(name) is not None]
    for number, rule in enumerate(mapping["rules"]):
        path = f"rules.{number}"
        found += [(f"{path}.when", rule["when"])] if rule.get("when") is not None else []
        event, reading = rule.get("event"), rule.get("reading")
        if event is not None:
            found += _of_fields(f"{path}.event.data", event["data"])
        if reading is not None:
            found += _of_fields(
                f"{path}.reading",
                {name: one for name, one in reading.items() if name != "values" and one is not None},
            )
            found += _of_fields(f"{path}.reading.values", reading.get("values") or {})
    return found


def _of_fields(path: str, fields: Mapping[str, str] | str) -> list[tuple[str, str]]:
    return (
        [(path, fields)]
        if isinstance(fields, str)
        else [(f"{path}.{name}", one) for name, one in fields.items()]
    )


def outcome_of(answer: Mapping[str, Any], now: int) -> MappedDelivery:
    """What the evaluator's answer means. Errors: Unmappable."""
    errors: list[dict[str, Any]] = list(answer.get("errors") or [])
    delivery = _delivery_id(answer.get("id"), errors)
    events, readings = [], []
    for one in answer.get("outcomes") or []:
        try:
            if "event" in one:
                events.append(_event(one["event"]))
            else:
                readings.append(_reading(one["reading"], now))
        except _At as wrong:
            errors.append(
                {"field": f"{one['path']}.{wrong.field}", "detail": f"{wrong.detail}{one['where']}"}
            )
    size = sum(len(orjson.dumps(one.data)) for one in events) + sum(
        len(orjson.dumps(one.values)) for one in readings
    )
    if size > MOST_FACTS:
        errors.append(
            {
                "field": "rules",
                "detail": f"all events and readings together have {size} bytes; {MOST_FACTS} are the most",
            }
        )
    if errors:
        raise Unmappable(errors[:10], delivery)
    return MappedDelivery(delivery, events, readings)


def _delivery_id(given: Any, errors: list[dict[str, Any]]) -> str | None:
    if given is None or given == "":
        return None
    if isinstance(given, bool) or not isinstance(given, str | int | float) or len(str(given)) > LONGEST_ID:
        errors.append(
            {"field": "id", "detail": f"it gives no text of 1 to {LONGEST_ID} characters, and no number"}
        )
        return None
    return str(given)


class _At(Exception):
    def __init__(self, name: str, detail: str) -> None:
        super().__init__(detail)
        self.field, self.detail = name, detail


def _event(given: Mapping[str, Any]) -> EventOutcome:
    data = given["data"]
    if not isinstance(data, dict):
        raise _At("data", "it gives no object")
    size = len(orjson.dumps(data))
    if size > MOST_DATA:
        raise _At("data", f"it has {size} bytes; {MOST_DATA} are the most")
    return EventOutcome(given["type"], data)


def _reading(given: Mapping[str, Any], now: int) -> ReadingOutcome:
    return ReadingOutcome(
        device=_serial(given["device"]),
        state=_state(given.get("state")),
        space=_space(given.get("space")),
        at=_at(given.get("at"), now),
        battery=_number("battery", given.get("battery"), 0, 100),
        rssi=_number("rssi", given.get("rssi"), -1000, 1000),
        values={name: _value(name, one) for name, one in given["values"].items() if one is not None},
    )


def _serial(given: Any) -> str:
    text = str(given).strip() if isinstance(given, str | int) and not isinstance(given, bool) else ""
    if not 0 < len(text) <= LONGEST_SERIAL or "/" in text:
        raise _At("device", f"it gives no serial of 1 to {LONGEST_SERIAL} characters without a slash")
    try:
        return one_line(text)
    except ValueError as error:
        raise _At("device", str(error)) from None


def _state(given: Any) -> State | None:
    if given is None:
        return None
    if isinstance(given, bool | int | float) and given in (0, 1):
        return "occupied" if given else "free"
    state = STATES.get(given.strip().lower()) if isinstance(given, str) else None
    if state is None:
        raise _At("state", f"{str(given)[:40]!r} is neither free, occupied nor unknown")
    return state


def _space(given: Any) -> int | None:
    if given is None:
        return None
    text = str(int(given)) if isinstance(given, float) and given.is_integer() else str(given)
    if isinstance(given, bool) or not (text.isascii() and text.isdecimal()) or not 0 < int(text) < MOST_SPACE:
        raise _At("space", f"{str(given)[:40]!r} is no number of a space")
    return int(text)


def _number(name: str, given: Any, least: float, most: float) -> float | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not least <= given <= most:
        raise _At(name, f"{str(given)[:40]!r} is no number from {least} to {most}")
    return float(given)


def _value(name: str, given: Any) -> Any:
    if isinstance(given, dict | list) or (isinstance(given, str) and len(given) > LONGEST_VALUE):
        raise _At(f"values.{name}", f"it gives no number, true, false or text of {LONGEST_VALUE} characters")
    if isinstance(given, int | float) and abs(given) > LARGEST:
        raise _At(f"values.{name}", "it gives a number beyond 2^53; make it a text with string()")
    return given


def _at(given: Any, now: int) -> int | None:
    if given is None:
        return None
    try:
        at = _milliseconds(given)
    except (ValueError, OverflowError):
        raise _At(
            "at",
            f"{str(given)[:40]!r} is no time in RFC 3339, and no number of seconds or milliseconds since 1970",
        ) from None
    if at > now + FUTURE_MS:
        raise _At("at", "this reading is from the future; check the sensor's clock")
    return at


def _milliseconds(given: Any) -> int:
    """Errors: ValueError."""
    if isinstance(given, int | float) and not isinstance(given, bool):
        at = round(given * 1000 if given < SECONDS_BELOW else given)
    elif isinstance(given, str) and _TIME.fullmatch(given.strip()):
        moment = datetime.fromisoformat(_FINER.sub(r"\1", given.strip().upper()))
        at = round(moment.astimezone(UTC).timestamp() * 1000)
    else:
        raise ValueError
    if not 0 <= at < LATEST_MS:
        raise ValueError
    return at


def seen_headers(
    mapping: Mapping[str, Any], headers: Mapping[str, str], hidden: Sequence[str]
) -> dict[str, str]:
    """Those that the mapping names, without the one that carries the secret."""
    return {
        name: headers[name][:1000]
        for name in mapping.get("headers") or ()
        if name in headers and name not in hidden
    }
