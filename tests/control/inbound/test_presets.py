"""The ready-made mappings, each against what its vendor sends. `fixtures/NAME.json` has `kind`, `query`, `headers`, `body`, and the
`events` and `readings` that must come of it; `without` names fields (dotted) that the vendor may leave out, with what changes then."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from control.inbound.evaluator import MappingEvaluator
from control.inbound.models import Mapping, SourceAuth
from control.inbound.presets import PRESETS
from control.inbound.rules import MappedDelivery, Unmappable, expressions, outcome_of, parsed

FIXTURES = sorted((Path(__file__).parent / "fixtures").glob("*.json"))
NOW = 1_900_000_000_000
WANTED = {
    "chirpstack", "the-things-stack", "generic-sensor", "parkeon", "ips", "teller", "aims", "gtcs", "duncan", "parkpow",
}  # fmt: skip


@pytest.fixture
async def evaluator() -> AsyncIterator[MappingEvaluator]:
    made = MappingEvaluator()
    yield made
    await made.close()


async def mapped(evaluator: MappingEvaluator, kind: str, given: dict[str, Any]) -> MappedDelivery:
    body = parsed(orjson.dumps(given["body"]))
    data = {"body": body, "query": given.get("query", {}), "headers": given.get("headers", {})}
    return outcome_of(await evaluator.evaluate(kind, PRESETS[kind]["mapping"], data), NOW)


def told(outcome: MappedDelivery) -> dict[str, Any]:
    readings = [
        {name: value for name, value in vars(one).items() if value is not None} for one in outcome.readings
    ]
    return {"events": [vars(one) for one in outcome.events], "readings": readings}


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
async def test_what_a_vendor_sends_becomes_what_it_means(evaluator: MappingEvaluator, path: Path) -> None:
    given = orjson.loads(path.read_bytes())
    outcome = await mapped(evaluator, given["kind"], given)
    assert told(outcome) == {"events": given.get("events", []), "readings": given.get("readings", [])}
    assert outcome.id == given["id"]


async def test_every_preset_is_there_takes_its_own_sample_and_is_a_mapping_that_a_source_could_have(
    evaluator,
) -> None:
    assert set(PRESETS) == WANTED
    for kind, preset in PRESETS.items():
        assert (
            Mapping.model_validate(preset["mapping"]).model_dump(exclude_unset=True) == preset["mapping"]
        ), kind
        assert SourceAuth.model_validate(preset["auth"]).stored() == preset["auth"], kind
        assert await evaluator.check(expressions(preset["mapping"])) == [], kind
        outcome = await mapped(evaluator, kind, {**preset, "body": preset["sample"]})
        assert outcome.events or outcome.readings, kind
        assert {path.stem.partition(".")[0] for path in FIXTURES} >= {kind}


async def test_a_retry_is_the_same_delivery_and_another_event_of_the_same_device_is_not(evaluator) -> None:
    up = orjson.loads((Path(__file__).parent / "fixtures/chirpstack.up.json").read_bytes())
    first = (await mapped(evaluator, "chirpstack", up)).id
    assert (await mapped(evaluator, "chirpstack", up)).id == first
    later = {**up, "body": {**up["body"], "deduplicationId": "another"}}
    assert (await mapped(evaluator, "chirpstack", later)).id != first
    joined = {**up, "query": {"event": "join"}}
    assert (await mapped(evaluator, "chirpstack", joined)).id != first


@pytest.mark.parametrize(("path", "value"), [
    ("fCnt", 0), ("fPort", 0), ("dr", 0), ("adr", False), ("data", ""), ("object", {}), ("rxInfo", []), ("txInfo", {}), ("devAddr", ""),
])  # fmt: skip
async def test_a_zero_that_the_server_leaves_out_means_the_same(evaluator, path: str, value: Any) -> None:
    """Protobuf's JSON drops fields that have their zero value."""
    up = orjson.loads((Path(__file__).parent / "fixtures/chirpstack.up.json").read_bytes())
    with_zero = {**up, "body": {**up["body"], path: value}}
    without = {**up, "body": {name: one for name, one in up["body"].items() if name != path}}
    assert told(await mapped(evaluator, "chirpstack", with_zero)) == told(
        await mapped(evaluator, "chirpstack", without)
    )


@pytest.mark.parametrize(("said", "state"), [
    (True, "occupied"), (False, "free"), (1.0, "occupied"), (0.0, "free"), ("Occupied", "occupied"), ("vacant", "free"), ("unknown", "unknown"),
])  # fmt: skip
@pytest.mark.parametrize(
    "field", ["occupied", "occupancy", "parking_status", "parkingStatus", "status", "state"]
)
async def test_codecs_say_occupancy_in_many_ways(evaluator, field: str, said: Any, state: str) -> None:
    """The numbers of ChirpStack's objects are all floats."""
    up = orjson.loads((Path(__file__).parent / "fixtures/chirpstack.up.json").read_bytes())
    outcome = await mapped(evaluator, "chirpstack", {**up, "body": {**up["body"], "object": {field: said}}})
    assert [one.state for one in outcome.readings] == [state]


async def test_a_long_report_is_taken_with_all_its_transactions(evaluator: MappingEvaluator) -> None:
    """Up to the bound of a delivery; one transaction more is an error, not a report without it."""
    given = orjson.loads((Path(__file__).parent / "fixtures/gtcs.json").read_bytes())
    one = given["body"]["transactions"][0]
    for count, right in ((999, True), (1000, False)):
        body = {**given["body"], "transactions": [{**one, "transactionId": f"t{n}"} for n in range(count)]}
        try:
            outcome = await mapped(evaluator, "gtcs", {**given, "body": body})
        except Unmappable as refused:
            assert not right
            assert "1000 are the most" in str(refused)
        else:
            assert right
            assert len(outcome.events) == 1000
