"""Evaluates mappings: a program of its own, which runs confined and ends when an expression takes too much.

    python -I -S mapping_worker.py PACKAGES CPU_SECONDS

Reads requests from standard input and answers on standard output, each a length (4 bytes, big endian) and JSON; first it writes a
length of 0, when it is ready. `{"check":
[[path, expression]…]}` is answered `{"errors": […]}`; `{"mapping": …, "data": {"body", "query", "headers"}}` is answered `{"id",
"outcomes": […]}` or `{"errors": […]}`; each error has `field` and `detail`. CEL's binding holds the interpreter while it evaluates
(measured: another thread ran twice in a second) and aborts the process when memory ends, so neither a thread nor a time-out inside
the process would help. A request that takes more processor time ends the process by SIGPROF.

Nothing of the project is imported: this file runs without the project's packages.
"""

import base64
import math
import re
import signal
import struct
import sys
import types
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

sys.path.append(sys.argv[1] if __name__ == "__main__" else "")
sys.modules.setdefault("cel.cli", types.ModuleType("cel.cli"))  # needs typer, and half a second

import cel  # noqa: E402
import orjson  # noqa: E402
from cel.stdlib import add_stdlib_to_context  # noqa: E402

LIBRARIES = ["core", "strings", "math", "encoders"]
NAMES = ("body", "query", "headers", "item")
TYPES = frozenset(
    (
        "map",
        "list",
        "string",
        "int",
        "uint",
        "double",
        "bool",
        "bytes",
        "timestamp",
        "duration",
        "null_type",
        "type",
    )
)
MOST_ERRORS, MOST_OUTCOMES = 10, 1_000
DEEPEST = 16
LONGEST_ANSWER = 1 << 20
LONGEST_DETAIL = 240
STANDARD = frozenset((
    "size", "contains", "startsWith", "endsWith", "matches", "int", "uint", "double", "string", "bytes", "timestamp", "duration",
    "dyn", "type", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear", "getHours", "getMilliseconds",
    "getMinutes", "getMonth", "getSeconds", "get", "byte",
))  # fmt: skip
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.]*")


class Wrong(Exception):
    """What an expression gives can't be used."""


def _of_the_library() -> frozenset[str]:
    context = cel.Context()
    add_stdlib_to_context(context, LIBRARIES)
    return frozenset(context.functions) | {name.rpartition(".")[2] for name in context.functions}


FUNCTIONS = STANDARD | _of_the_library()


@lru_cache(maxsize=1000)
def compiled(expression: str) -> cel.Program:
    """Errors: Wrong, with what is wrong and where."""
    try:
        program = cel.compile(expression)
    except BaseException as error:  # a panic of the parser is no Exception
        raise Wrong(_parse_detail(str(error))) from None
    for name in program.variables():
        if name not in NAMES and name not in TYPES and not _bound(name, expression) and not _namespace(name):
            raise Wrong(f"there is no `{name}`; there are {', '.join(NAMES)}")
    for name in program.functions():
        if _WORD.fullmatch(name) and name not in FUNCTIONS:
            raise Wrong(f"there is no function `{name}`")
    return program


def _bound(name: str, expression: str) -> bool:
    """Whether a macro binds the name: `list.map(name, …)`."""
    return (
        re.search(rf"\.(all|exists|exists_one|map|filter)\(\s*{re.escape(name)}\s*,", expression) is not None
    )


def _namespace(name: str) -> bool:
    """Of a function of the library, such as `math.floor`."""
    return any(one.startswith(f"{name}.") for one in FUNCTIONS)


def _parse_detail(text: str) -> str:
    """The binding's message without the expression that it repeats, and with the position."""
    found = re.search(r"ERROR: <input>:(\d+):(\d+): (.*)", text)
    if found is None:
        return "this is no expression of CEL"
    said = found[3].removeprefix("Syntax error: ").partition(" expecting ")[0]
    return f"position {found[2]}: {said}"[:LONGEST_DETAIL]


def plain(value: Any, depth: int = 0) -> Any:
    """As JSON has it: times in RFC 3339, durations in seconds, bytes in base64. Errors: Wrong."""
    if depth > DEEPEST:
        raise Wrong(f"it is nested more than {DEEPEST} deep")
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        if not -(2**63) <= value < 2**64:
            raise Wrong("a number of more than 64 bits is no value of JSON here")
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Wrong("it is no finite number")
        return value
    if isinstance(value, dict):
        return {str(name): plain(one, depth + 1) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one, depth + 1) for one in value]
    return _special(value, depth)


def _special(value: Any, depth: int) -> Any:
    if isinstance(value, datetime):
        moment = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, cel.OptionalValue):
        return plain(value.value(), depth) if value.has_value() else None
    raise Wrong(f"a {type(value).__name__} is no value of JSON")


class Evaluation:
    """One body under one mapping."""

    def __init__(self, mapping: dict[str, Any], data: dict[str, Any]) -> None:
        self._mapping = mapping
        self._data = {**data, "item": None}
        self._context = cel.Context(dict(self._data), {"get": self._get, "byte": _byte})
        add_stdlib_to_context(self._context, LIBRARIES)
        # A changed variable would make the binding convert all others again: 1 ms an element of a long list.
        self._context.set_variable_resolver(lambda name: self._data["item"] if name == "item" else None)
        self._errors: list[dict[str, Any]] = []
        self._outcomes: list[dict[str, Any]] = []
        self._where = ""

    def run(self) -> dict[str, Any]:
        delivery = self._optional("id", self._mapping.get("id"))
        for item, where in self._items():
            self._data["item"], self._where = item, where
            for number, rule in enumerate(self._mapping["rules"]):
                self._apply(f"rules.{number}", rule)
            if len(self._errors) >= MOST_ERRORS:
                break
        if self._errors:
            return {"errors": self._errors[:MOST_ERRORS], "id": delivery}
        return {"id": delivery, "outcomes": self._outcomes}

    def _items(self) -> Iterator[tuple[Any, str]]:
        each = self._mapping.get("each")
        if each is None:
            yield None, ""
            return
        items = self._optional("each", each)
        if items is not None and not isinstance(items, list):
            self._wrong("each", "it gives no list")
        elif items is not None and len(items) > MOST_OUTCOMES:
            self._wrong("each", f"it gives {len(items)} elements; {MOST_OUTCOMES} are the most")
        else:
            for number, item in enumerate(items or ()):
                yield item, f" (element {number})"

    def _apply(self, path: str, rule: dict[str, Any]) -> None:
        when = rule.get("when")
        if when is not None:
            fits = self._optional(f"{path}.when", when)
            if fits is not True:
                if fits not in (False, None):
                    self._wrong(f"{path}.when", "it gives neither true nor false")
                return
        for kind in ("event", "reading"):
            if rule.get(kind) is not None:
                if len(self._outcomes) >= MOST_OUTCOMES:
                    self._wrong(path, f"{MOST_OUTCOMES} events and readings are the most")
                    return
                made = self._event if kind == "event" else self._reading
                self._outcomes.append(
                    {"path": f"{path}.{kind}", "where": self._where, kind: made(f"{path}.{kind}", rule[kind])}
                )

    def _event(self, path: str, event: dict[str, Any]) -> dict[str, Any]:
        data = event["data"]
        if isinstance(data, str):
            return {"type": event["type"], "data": self._optional(f"{path}.data", data)}
        return {
            "type": event["type"],
            "data": {name: self._optional(f"{path}.data.{name}", one) for name, one in data.items()},
        }

    def _reading(self, path: str, reading: dict[str, Any]) -> dict[str, Any]:
        found = {
            name: self._optional(f"{path}.{name}", one) for name, one in reading.items() if name != "values"
        }
        values = {
            name: self._optional(f"{path}.values.{name}", one)
            for name, one in (reading.get("values") or {}).items()
        }
        return {**found, "values": values}

    def _optional(self, path: str, expression: str | None) -> Any:
        """None, and an error that is noted, when it can't be evaluated."""
        if expression is None:
            return None
        try:
            return plain(compiled(expression).execute(self._context))
        except Wrong as wrong:
            self._wrong(path, str(wrong))
        except BaseException as error:  # a panic of the binding is no Exception
            self._wrong(path, _detail(error, expression))
        return None

    def _wrong(self, path: str, detail: str) -> None:
        self._errors.append({"field": path, "detail": f"{detail[:LONGEST_DETAIL]}{self._where}"})

    def _get(self, path: str, default: Any = None) -> Any:
        """`get("body.a.b", 0)`: what stands there, or the default; without one null."""
        found: Any = self._data
        for name in path.split("."):
            if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
                found = found[int(name)]
            elif isinstance(found, dict) and name in found:
                found = found[name]
            else:
                return default
        return default if found is None else found


def _byte(data: str | bytes, at: int) -> int:
    """`byte(body.data, 0)`: a byte of bytes, or of a text in base64."""
    return (base64.b64decode(data, validate=True) if isinstance(data, str) else data)[at]


def _detail(error: BaseException, expression: str) -> str:
    """What went wrong, and for a missing field the whole path of it."""
    if isinstance(error, KeyError):
        key = str(error.args[0]) if error.args else ""
        full = re.search(rf"[A-Za-z_][\w.]*\.{re.escape(key)}\b", expression)
        return f"there is no `{full[0] if full else key}`"
    text = str(error)
    for noise in (" Check function arguments and their types.", " CEL does not coerce between types"):
        text = text.partition(noise)[0]
    return text.removeprefix("Function ") or type(error).__name__


def checked(expressions: list[list[str]]) -> dict[str, Any]:
    errors = []
    for path, expression in expressions:
        try:
            compiled(expression)
        except Wrong as wrong:
            errors.append({"field": path, "detail": str(wrong)})
    return {"errors": errors[:MOST_ERRORS]}


def answer(request: dict[str, Any]) -> bytes:
    found = (
        checked(request["check"])
        if "check" in request
        else Evaluation(request["mapping"], request["data"]).run()
    )
    written = orjson.dumps(found)
    if len(written) > LONGEST_ANSWER:
        return orjson.dumps(
            {
                "errors": [
                    {"field": "rules", "detail": f"what comes of it has more than {LONGEST_ANSWER} bytes"}
                ]
            }
        )
    return written


def serve(cpu_s: float, read: Callable[[int], bytes], write: Callable[[bytes], Any]) -> None:
    """Until standard input ends. Says first that it is ready, by an empty answer."""
    write(struct.pack(">I", 0))
    while len(head := read(4)) == 4:
        request = orjson.loads(read(struct.unpack(">I", head)[0]))
        signal.setitimer(signal.ITIMER_PROF, cpu_s)
        said = answer(request)
        signal.setitimer(signal.ITIMER_PROF, 0)
        write(struct.pack(">I", len(said)) + said)


if __name__ == "__main__":
    with open(0, "rb") as requests, open(1, "wb", buffering=0) as answers:
        serve(float(sys.argv[2]), requests.read, answers.write)
