"""What both stores must agree on, decided before either is asked: names, types, filters, changes. Pure.

Refusals here are bugs of the calling room (ValueError), never a user's doing.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weir.foundation.documents import Between, Collection, Doc, FieldType, Index, OneOf, UndeclaredField
from weir.foundation.events import Event

OUTBOX = "_outbox"
DEEPEST = 64
MOST_VALUES = 10_000
LARGEST_PAGE = 10_000
INT_MIN, INT_MAX = -(2**63), 2**63 - 1

Where = tuple[tuple[str, Any], ...]
"""Checked filter, all of which must hold: (field, plain value | OneOf | Between)."""

_PYTHON: dict[FieldType, type] = {"str": str, "int": int, "float": float, "bool": bool}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_PATH = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")


@dataclass(frozen=True)
class Spec:
    """A declared collection after its check. `fields` includes `app` where the collection has tenants;
    `kinds` also `id`."""

    name: str
    fields: dict[str, FieldType]
    kinds: dict[str, FieldType]
    indexes: tuple[Index, ...]
    tenant: bool


@dataclass(frozen=True)
class Order:
    """Sorted by this field, then by id in the same direction."""

    by: str
    descending: bool


@dataclass(frozen=True)
class Change:
    """A checked update. `events` are stored forms for the outbox."""

    set: dict[str, Any]
    inc: dict[str, int]
    push: dict[str, Any]
    events: list[Doc]
    upsert: bool


def specify(collections: Iterable[Collection[Any]]) -> dict[str, Spec]:
    """The declarations by name. Errors: ValueError for a name, field or index that can't be kept in both
    stores."""
    specs: dict[str, Spec] = {}
    for collection in collections:
        if collection.name in specs:
            raise ValueError(f"collection {collection.name!r} is declared twice")
        specs[collection.name] = _specified(collection)
    return specs


def _specified(collection: Collection[Any]) -> Spec:
    if not _NAME.fullmatch(collection.name):
        raise ValueError(
            f"{collection.name!r} is no name for a collection: lower case letters, digits, underscores"
        )
    fields = dict(collection.fields)
    if collection.tenant and fields.setdefault("app", "str") != "str":
        raise ValueError(f"{collection.name}: `app` is the tenant's id, a str")
    for path, kind in fields.items():
        if path == "id" or not _PATH.fullmatch(path) or kind not in _PYTHON:
            raise ValueError(f"{collection.name}: {path!r} ({kind}) can't be declared")
        if any(path.startswith(other + ".") for other in fields):
            raise ValueError(f"{collection.name}: {path!r} lies inside another declared field")
    kinds: dict[str, FieldType] = {"id": "str", **fields}
    for index in collection.indexes:
        for path in index.fields:
            if path not in kinds:
                raise UndeclaredField(f"{collection.name}: the index over {path!r} needs that field declared")
    indexes = collection.indexes
    if collection.tenant:
        indexes += (Index(("app", "id")),)  # listing an app's documents is the default query of every handle
    return Spec(collection.name, fields, kinds, tuple(dict.fromkeys(indexes)), collection.tenant)


def value_at(doc: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path; None when it is missing."""
    value: Any = doc
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def typed_at(doc: Mapping[str, Any], path: str, kind: FieldType) -> Any:
    """The same for an index: None too for a value of another type, written before the field was declared."""
    value = value_at(doc, path)
    return value if type(value) is _PYTHON[kind] else None


def check_value(value: Any, depth: int = 1) -> None:
    """Errors: ValueError unless the value consists of str, 64-bit int, finite float, bool, None, bytes, list,
    dict."""
    kind = type(value)
    if kind is str:
        _check_text(value)
    elif kind is int:
        if not INT_MIN <= value <= INT_MAX:
            raise ValueError("an integer may have 64 bits")
    elif kind is float:
        if not math.isfinite(value):
            raise ValueError(f"{value} is not a number that can be stored")
    elif kind is dict or kind is list:
        _check_nested(value, depth)
    elif value is not None and kind is not bool and kind is not bytes:
        raise ValueError(f"a {kind.__name__} can't be stored")


def _check_nested(value: dict[str, Any] | list[Any], depth: int) -> None:
    if depth >= DEEPEST:
        raise ValueError(f"a document may be {DEEPEST} levels deep")
    if isinstance(value, dict):
        for key in value:
            if type(key) is not str or not key or key.startswith("$") or "\0" in key:
                raise ValueError(
                    f"{key!r} can't be a key: text that is not empty, has no NUL and no leading '$'"
                )
            _check_text(key)
    for item in value.values() if isinstance(value, dict) else value:
        check_value(item, depth + 1)


def _check_text(text: str) -> None:
    if not text.isascii():
        text.encode()  # a lone surrogate raises UnicodeEncodeError, a ValueError


def _check_kind(spec: Spec, path: str, value: Any) -> None:
    if value is not None and type(value) is not _PYTHON[spec.kinds[path]]:
        raise ValueError(f"{spec.name}.{path} is declared {spec.kinds[path]}, not {type(value).__name__}")


def _check_declared(spec: Spec, standing: Any, under: str = "") -> None:
    """Checks that declared fields inside the value at the path `under` have their type and are in
    sub-documents."""
    prefix = under + "." if under else ""
    for path in spec.fields:
        if not path.startswith(prefix):
            continue
        value = standing
        for name in path.removeprefix(prefix).split("."):
            if value is not None and type(value) is not dict:
                raise ValueError(
                    f"{spec.name}.{path} is declared, so a {type(value).__name__} can't be on its path"
                )
            value = None if value is None else value.get(name)
        _check_kind(spec, path, value)


def scope(spec: Spec, app: str | None) -> Where:
    """The tenant's part of every filter. Errors: UndeclaredField for an app's handle on a collection without
    tenants."""
    if app is None:
        return ()
    if not spec.tenant:
        raise UndeclaredField(f"{spec.name} belongs to no app; only the operator's handle may use it")
    return (("app", app),)


def filtered(spec: Spec, app: str | None, where: Mapping[str, Any] | None) -> Where:
    """The filter within the tenant. Errors: UndeclaredField; ValueError for a value of another type than
    declared."""
    asked = tuple((path, wanted) for path, wanted in (where or {}).items() if not _open(spec, path, wanted))
    return asked + scope(spec, app)


def _open(spec: Spec, path: str, wanted: Any) -> bool:
    """True for a range without ends; refuses what can't be asked."""
    if path not in spec.kinds:
        raise UndeclaredField(f"{spec.name} does not declare {path!r}")
    values: Sequence[Any] = [wanted]
    if isinstance(wanted, OneOf):
        values = wanted.values
        if isinstance(values, str | bytes) or len(values) > MOST_VALUES:
            raise ValueError(f"OneOf takes a list of at most {MOST_VALUES} values")
    elif isinstance(wanted, Between):
        values = [wanted.at_least, wanted.below]
    for value in values:
        _check_kind(spec, path, value)
        check_value(value)
    return isinstance(wanted, Between) and values == [None, None]


def new_document(spec: Spec, app: str | None, doc: Doc) -> Doc:
    """A copy to insert, with its tenant. Errors: ValueError."""
    scope(spec, app)
    fresh = {**doc, "app": doc.get("app", app)} if app is not None else dict(doc)
    if app is not None and fresh["app"] != app:
        raise ValueError(f"a document of another app was given to the handle of {app}")
    check_id(spec, fresh.get("id"))
    if spec.tenant and not fresh.get("app"):
        raise ValueError(f"{spec.name}: a document needs its `app`")
    for key in fresh:
        if key in ("_id", OUTBOX) or "." in str(key):
            raise ValueError(f"{key!r} can't be a field: reserved or dotted")
    check_value(fresh)
    _check_declared(spec, fresh)
    return fresh


def check_id(spec: Spec, doc_id: Any) -> None:
    if type(doc_id) is not str or not doc_id:
        raise ValueError(f"{spec.name}: a document needs a text `id`")
    _check_text(doc_id)


def stored(events: Sequence[Event]) -> list[Doc]:
    return [event.model_dump(mode="json") for event in events]


def changed(
    spec: Spec,
    app: str | None,
    *,
    set: Mapping[str, Any] | None,
    inc: Mapping[str, int] | None,
    push: Mapping[str, Any] | None,
    expect: Mapping[str, Any] | None,
    upsert: bool,
    emit: Sequence[Event],
) -> Change:
    """The update, checked without knowing the document. Errors: ValueError, UndeclaredField."""
    if upsert and expect:
        raise ValueError("`upsert` and `expect` contradict each other")
    if upsert and spec.tenant and app is None:
        raise ValueError(f"{spec.name} has tenants: an upsert needs an app's handle")
    setting, counting, pushing = dict(set or {}), dict(inc or {}), dict(push or {})
    if app is not None and setting.get("app") == app:
        del setting["app"]
    _check_paths(spec, [*setting, *counting, *pushing])
    for path, value in setting.items():
        check_value(value, path.count(".") + 2)
        if path in spec.fields:
            _check_kind(spec, path, value)
        else:
            _check_declared(spec, value, path)
    for path, step in counting.items():
        if type(step) is not int or _on_the_way(spec, path) or spec.fields.get(path, "int") != "int":
            raise ValueError(f"{spec.name}.{path} can't be counted by {step!r}")
        check_value(step)
    for path, value in pushing.items():
        if path in spec.fields or _on_the_way(spec, path):
            raise ValueError(f"{spec.name}.{path} is declared and no list")
        check_value(value, path.count(".") + 3)
    return Change(setting, counting, pushing, stored(emit), upsert)


def _on_the_way(spec: Spec, path: str) -> bool:
    return any(field.startswith(path + ".") for field in spec.fields)


def _check_paths(spec: Spec, paths: list[str]) -> None:
    """Each path is one that both stores understand alike, may be changed, and no other path of this change
    touches it."""
    for path in paths:
        names = path.split(".")
        if any(not name or name.startswith("$") or "\0" in name for name in names) or any(
            map(str.isdigit, names[1:])
        ):
            raise ValueError(
                f"{path!r} is no path: empty names, a leading '$' and list positions are refused"
            )
        _check_text(path)
        if names[0] in ("id", "_id", OUTBOX) or (names[0] == "app" and spec.tenant):
            raise ValueError(f"{names[0]!r} can't be changed")
        if any(path.startswith(field + ".") for field in spec.fields):
            raise ValueError(f"{path!r} lies inside a declared field")
    if len(set(paths)) != len(paths) or any(
        path.startswith(other + ".") for path in paths for other in paths
    ):
        raise ValueError("one update can't change a field and what lies inside it")


def apply(doc: Doc, change: Change) -> Doc:
    """The document after the change, in place, as MongoDB's $set, $inc and $push do it.

    Errors: ValueError when the present value has no fields, is no number or no list.
    """
    for path, value in change.set.items():
        holder, name = _holder(doc, path)
        holder[name] = value
    for path, step in change.inc.items():
        holder, name = _holder(doc, path)
        count = holder.get(name, 0)
        if type(count) not in (int, float):
            raise ValueError(f"{path!r} holds a {type(count).__name__} and can't be counted")
        check_value(count + step)
        holder[name] = count + step
    for path, value in change.push.items():
        holder, name = _holder(doc, path)
        if type(holder.setdefault(name, [])) is not list:
            raise ValueError(f"{path!r} holds no list")
        holder[name].append(value)
    if change.events:
        doc.setdefault(OUTBOX, []).extend(change.events)
    return doc


def _holder(doc: Doc, path: str) -> tuple[Doc, str]:
    """The sub-document that holds the last name of a path, made when missing."""
    *way, name = path.split(".")
    for step in way:
        doc = doc.setdefault(step, {})
        if type(doc) is not dict:
            raise ValueError(f"{path!r} leads through a {type(doc).__name__}")
    return doc, name
