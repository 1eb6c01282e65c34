"""What a mapping's results mean: whatever it gives is an outcome that can be stored, or an error with its path."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.inbound.models import Mapping
from control.inbound.rules import (
    DEEPEST,
    MOST_DATA,
    MOST_ELEMENTS,
    ReadingOutcome,
    Unmappable,
    as_json,
    expressions,
    outcome_of,
    parsed,
    seen_headers,
)
from weir.foundation.events import InboundReading

NOW = 1_790_000_000_000
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def of_reading(**fields: Any) -> ReadingOutcome:
    given_fields = {"device": "AA01", "values": {}, **fields}
    answer = {"id": None, "outcomes": [{"path": "rules.0.reading", "where": "", "reading": given_fields}]}
    (reading,) = outcome_of(answer, NOW).readings
    return reading


def error_of(**fields: Any) -> dict[str, Any]:
    with pytest.raises(Unmappable) as refused:
        of_reading(**fields)
    (error,) = refused.value.errors
    return error


@given(
    st.dictionaries(st.sampled_from(["device", "space", "state", "at", "battery", "rssi"]), JSON),
    st.dictionaries(st.just("v"), JSON),
)
def test_whatever_an_expression_gives_is_a_reading_that_can_be_told_or_an_error(fields, values) -> None:
    try:
        one = of_reading(**fields, values=values)
    except Unmappable as refused:
        assert all(error["field"].startswith("rules.0.reading.") for error in refused.errors)
        return
    fact = InboundReading(
        app="a", source="s", serial=one.device, state=one.state, space=one.space, reported=one.at or NOW,
        battery=one.battery, rssi=one.rssi, values=one.values,
    )  # fmt: skip
    assert fact.reported <= NOW + 300_000
    assert InboundReading.model_validate_json(fact.model_dump_json()) == fact


@given(JSON, JSON)
def test_whatever_an_expression_gives_is_an_event_or_an_error(delivery, data) -> None:
    event = {"type": "partner.x", "data": data}
    answer = {"id": delivery, "outcomes": [{"path": "rules.0.event", "where": "", "event": event}]}
    try:
        outcome = outcome_of(answer, NOW)
    except Unmappable as refused:
        assert {error["field"] for error in refused.errors} <= {"id", "rules.0.event.data"}
        return
    assert isinstance(outcome.events[0].data, dict)
    assert outcome.id is None or 0 < len(outcome.id) <= 255


@pytest.mark.parametrize(("said", "at"), [
    ("2026-09-21T14:13:20Z", NOW), ("2026-09-21t16:13:20+02:00", NOW), ("2026-09-21 14:13:20.000000000Z", NOW), ("2026-09-21T14:13Z", NOW - 20_000),
    (NOW // 1000, NOW), (NOW, NOW), (float(NOW), NOW), (NOW / 1000, NOW), (None, None), ("2026-09-21T14:13:20.123456789+00:00", NOW + 123),
])  # fmt: skip
def test_times_are_taken_in_the_forms_that_vendors_send(said: Any, at: int | None) -> None:
    assert of_reading(at=said).at == at


@pytest.mark.parametrize(
    "said",
    ["yesterday", "2026-09-21", "2026-09-21T14:13:20", "2026-13-21T14:13:20Z", True, {}, -1, 1e300, "12", ""],
)
def test_a_time_without_an_offset_is_no_time(said: Any) -> None:
    assert error_of(at=said)["field"] == "rules.0.reading.at"


def test_a_reading_from_the_future_is_an_error_of_its_clock() -> None:
    assert of_reading(at=NOW + 299_000).at == NOW + 299_000
    assert error_of(at=NOW + 301_000)["detail"] == "this reading is from the future; check the sensor's clock"


@pytest.mark.parametrize("said", ["full", 2, -1, 0.5, [], "o", "true"])
def test_a_state_that_nobody_knows_is_an_error(said: Any) -> None:
    assert error_of(state=said)["field"] == "rules.0.reading.state"


@pytest.mark.parametrize("fields", [
    {"device": ""}, {"device": None}, {"device": True}, {"device": "x" * 65}, {"device": "a/b"}, {"device": "a\nb"}, {"space": 0}, {"space": 1.5},
    {"space": "x"}, {"battery": 101}, {"battery": "full"}, {"rssi": True}, {"values": {"v": {}}}, {"values": {"v": "x" * 501}}, {"values": {"v": 2**60}},
])  # fmt: skip
def test_what_is_no_value_of_its_field_is_an_error_there(fields: dict[str, Any]) -> None:
    name = next(iter(fields))
    assert error_of(**fields)["field"] == f"rules.0.reading.{'values.v' if name == 'values' else name}"


def test_an_event_has_a_bound() -> None:
    for size, right in ((MOST_DATA - 9, True), (MOST_DATA, False)):
        event = {"type": "partner.x", "data": {"v": "x" * size}}
        answer = {"outcomes": [{"path": "rules.0.event", "where": "", "event": event}]}
        if right:
            assert outcome_of(answer, NOW).events
        else:
            with pytest.raises(Unmappable, match="are the most"):
                outcome_of(answer, NOW)


@pytest.mark.parametrize("body", [
    [0] * (MOST_ELEMENTS + 1), [[0] * 2_000] * 26, {"a": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]},
])  # fmt: skip
def test_a_body_has_bounds(body: Any) -> None:
    with pytest.raises(Unmappable):
        parsed(orjson.dumps(body))


@pytest.mark.parametrize(("raw", "kind", "body"), [
    (b"json=%7B%22a%22%3A+1%7D", "application/x-www-form-urlencoded", {"a": 1}),
    (b"other=1&payload=%5B1%5D", "Application/X-WWW-Form-Urlencoded; charset=utf-8", [1]),
    (b"a=1&b=&c=x+y", "application/x-www-form-urlencoded", {"a": "1", "b": "", "c": "x y"}),
    (b' {"a": "b=c&d"}', "application/x-www-form-urlencoded", {"a": "b=c&d"}),
    (b'{"a": 1}', "text/plain", {"a": 1}),
])  # fmt: skip
def test_a_form_is_the_json_in_it(raw: bytes, kind: str, body: Any) -> None:
    assert parsed(as_json(raw, kind)) == body


@given(st.binary(max_size=200))
def test_any_form_is_a_body_or_an_error(raw: bytes) -> None:
    try:
        parsed(as_json(raw, "application/x-www-form-urlencoded"))
    except Unmappable as refused:
        assert refused.errors[0]["field"] == "body"


@given(JSON)
def test_other_bodies_are_what_they_are(body: Any) -> None:
    assert DEEPEST > 16
    assert parsed(orjson.dumps(body)) == orjson.loads(orjson.dumps(body))


def test_every_expression_of_a_mapping_is_found() -> None:
    mapping = Mapping.model_validate({
        "id": "e1", "each": "e2",
        "rules": [{"when": "e3", "event": {"type": "partner.x", "data": {"a": "e4"}}},
                  {"event": {"type": "partner.x", "data": "e5"},
                   "reading": {"device": "e6", "space": "e7", "state": "e8", "at": "e9", "battery": "e10", "rssi": "e11", "values": {"v": "e12"}}}],
    }).model_dump(exclude_none=True)  # fmt: skip
    found = expressions(mapping)
    assert sorted(one for _, one in found) == sorted(f"e{n}" for n in range(1, 13))
    assert len({path for path, _ in found}) == 12


def test_headers_are_seen_as_they_are_named_and_without_the_secret() -> None:
    headers = {"x-event": "paid", "x-key": "secret", "x-other": "1"}
    assert seen_headers({"headers": ["x-event", "x-key", "x-none"]}, headers, ["x-key"]) == {
        "x-event": "paid"
    }
    assert seen_headers({}, headers, []) == {}
