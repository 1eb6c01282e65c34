"""Mappings run apart: what they may take, and that nobody else waits for one that takes more."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from control.inbound import evaluator as module
from control.inbound.evaluator import MappingEvaluator, TooCostly
from weir.foundation.errors import Unavailable
from weir.foundation.sandbox import protections


@pytest.fixture
async def evaluator() -> AsyncIterator[MappingEvaluator]:
    made = MappingEvaluator()
    yield made
    await made.close()


def of(expression: str, **more: Any) -> dict[str, Any]:
    return {**more, "rules": [{"event": {"type": "partner.x", "data": {"v": expression}}}]}


async def value(evaluator: MappingEvaluator, expression: str, body: Any = None, subject: str = "s") -> Any:
    data = {"body": body, "query": {}, "headers": {}}
    answer = await evaluator.evaluate(subject, of(expression), data)
    return answer["outcomes"][0]["event"]["data"]["v"] if "outcomes" in answer else answer["errors"][0]


@pytest.mark.parametrize(("expression", "body", "expected"), [
    ("body.a + 1", {"a": 1}, 2),
    ('get("body.a.b", 7)', {"a": {}}, 7),
    ('get("body.a.1.b")', {"a": [{}, {"b": "x"}]}, "x"),
    ('get("body.a")', {}, None),
    ('timestamp("2024-01-01T01:00:00.1239+01:00")', None, "2024-01-01T00:00:00.123Z"),
    ('duration("90s")', None, 90.0),
    ('byte(body.d, 1) == 2 ? "occupied" : "free"', {"d": "AQI="}, "occupied"),
    ('b"ab"', None, "YWI="),
    ('body.l.filter(x, x.n > 1).map(x, x.n)', {"l": [{"n": 1}, {"n": 2}]}, [2]),
    ('"AbC".lowerAscii()', None, "abc"),
    ("math.floor(1.7)", None, 1),
    ("item", None, None),
    ("body.l.map(item, item + 1)", {"l": [1, 2]}, [2, 3]),
    ("body.big", {"big": 2**64 - 1}, 2**64 - 1),
])  # fmt: skip
async def test_what_an_expression_gives_is_json(evaluator, expression, body, expected) -> None:
    assert await value(evaluator, expression, body) == expected


@pytest.mark.parametrize(("expression", "said"), [
    ("body.a.b", "there is no `body.a.b`"),
    ("body.a + 1", "there is no `body.a`"),
    ("1 / 0", "division by zero"),
    ("1.0 / 0.0", "it is no finite number"),
    ('"a" + 1', "Unsupported operation"),
])  # fmt: skip
async def test_what_cannot_be_evaluated_says_where_and_why(evaluator, expression, said) -> None:
    body: dict[str, Any] = {"a": {}} if expression == "body.a.b" else {}
    wrong = await value(evaluator, expression, body)
    assert wrong["field"] == "rules.0.event.data.v"
    assert said in wrong["detail"]


async def test_each_element_has_its_own_outcome_and_its_errors_name_it(evaluator) -> None:
    mapping = of("item.n", each="body.l")
    data: dict[str, Any] = {"body": {"l": [{"n": 1}, {"n": 2}]}, "query": {}, "headers": {}}
    answer = await evaluator.evaluate("s", mapping, data)
    assert [one["event"]["data"]["v"] for one in answer["outcomes"]] == [1, 2]
    data["body"]["l"].append({})
    answer = await evaluator.evaluate("s", mapping, data)
    assert answer["errors"] == [
        {"field": "rules.0.event.data.v", "detail": "there is no `item.n` (element 2)"}
    ]


async def test_expressions_are_checked_before_they_are_kept(evaluator) -> None:
    given = [
        ("a", "body.x +"),
        ("b", "foo.x"),
        ("c", "nope(1)"),
        ("d", 'has(body.x) ? body.x.lowerAscii() : ""'),
        ("e", "(((("),
    ]
    errors = {one["field"]: one["detail"] for one in await evaluator.check(given)}
    assert errors.keys() == {"a", "b", "c", "e"}
    assert errors["a"].startswith("position 9:")
    assert errors["b"] == "there is no `foo`; there are body, query, headers, item"
    assert errors["c"] == "there is no function `nope`"


ENDLESS = "body.l.map(a, body.l.map(b, body.l.map(c, body.l.map(d, a + d))))"
GREEDY = '["' + "x" * 100 + '"]' + ".map(a, a + a)" * 60
LARGEST = {"l": list(range(5000))}


@pytest.mark.parametrize(
    ("expression", "said"), [(ENDLESS, "processor time"), (GREEDY, "memory|processor time")]
)
async def test_an_expression_that_takes_too_much_is_stopped_and_holds_up_nobody(
    evaluator, expression, said
) -> None:
    """It ends by its processor time or memory; others are answered meanwhile, and it is not tried again for a while."""
    costly = asyncio.create_task(value(evaluator, expression, LARGEST, "costly"))
    others = [await value(evaluator, "body.n", {"n": n}, "other") for n in range(20)]
    assert others == list(range(20))
    with pytest.raises(TooCostly, match=said):
        await costly
    with pytest.raises(TooCostly, match="stopped within the last 30 s"):
        await value(evaluator, expression, LARGEST, "costly")
    assert await value(evaluator, "1", subject="other") == 1


async def test_all_processes_busy_with_endless_mappings_end_and_the_rest_is_answered(evaluator) -> None:
    costly = [asyncio.create_task(value(evaluator, ENDLESS, LARGEST, f"costly {n}")) for n in range(3)]
    await asyncio.sleep(0)
    assert await value(evaluator, "1", subject="other") == 1
    assert all(isinstance(one, TooCostly) for one in await asyncio.gather(*costly, return_exceptions=True))


async def test_a_process_that_somebody_kills_is_replaced(evaluator) -> None:
    assert await value(evaluator, "1") == 1
    process = evaluator._idle[0].process
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    assert await value(evaluator, "2") == 2
    assert evaluator._idle[0].process.pid != process.pid


async def test_a_process_that_does_not_answer_is_ended(evaluator, monkeypatch) -> None:
    assert await value(evaluator, "1") == 1
    process = evaluator._idle[0].process
    os.kill(process.pid, signal.SIGSTOP)
    monkeypatch.setattr(module, "DEADLINE_S", 0.2)
    with pytest.raises(Unavailable):
        await value(evaluator, "1")
    assert process.returncode is not None
    monkeypatch.undo()
    assert await value(evaluator, "1") == 1


async def test_nothing_is_left_when_it_closes(evaluator) -> None:
    assert await value(evaluator, "1") == 1
    process = evaluator._idle[0].process
    await evaluator.close()
    assert process.returncode is not None


async def test_an_evaluation_sees_nothing_of_the_one_before(evaluator) -> None:
    assert await value(evaluator, "body.secret", {"secret": "mine"}, "one") == "mine"
    assert "there is no" in (await value(evaluator, "body.secret", {}, "other"))["detail"]


async def test_a_process_is_confined(evaluator) -> None:
    assert await value(evaluator, "1") == 1
    proc = Path(f"/proc/{evaluator._idle[0].process.pid}")
    status = dict(
        line.split(":\t", 1) for line in (proc / "status").read_text().splitlines() if ":\t" in line
    )
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == ("2" if protections()["seccomp"] else "0")
    limits = (proc / "limits").read_text()
    assert re.search(rf"Max address space +{module.MEMORY} ", limits)
    assert re.search(r"Max file size +0 ", limits)


async def test_a_process_is_used_so_often_and_no_more(evaluator, monkeypatch) -> None:
    monkeypatch.setattr(module, "_Worker", _Few)
    assert [await value(evaluator, "1") for _ in range(2)] == [1, 1]
    assert evaluator._idle == []
    assert await value(evaluator, "1") == 1


class _Few(module._Worker):
    def __init__(self, process: Any) -> None:
        super().__init__(process, 2)


async def test_without_its_program_nothing_is_rejected(evaluator, monkeypatch, tmp_path) -> None:
    """The sender is asked to come again, since its body may be right."""
    broken = tmp_path / "worker.py"
    broken.write_text("raise SystemExit(1)")
    monkeypatch.setattr(module, "WORKER", broken)
    with pytest.raises(Unavailable):
        await value(evaluator, "1")
