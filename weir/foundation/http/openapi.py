"""The document of the API (OpenAPI 3.1), written from the rows of the route table. Pure."""

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from weir.foundation.errors import (
    Busy,
    Conflict,
    Damaged,
    Forbidden,
    Invalid,
    Malformed,
    NotFound,
    NotOffered,
    PartnerFailed,
    PartnerSilent,
    RateLimited,
    Refused,
    Stale,
    StorageFull,
    TooLarge,
    Unauthenticated,
    Unavailable,
    WrongType,
)
from weir.foundation.http.routing import Body, Row

REF = "#/components/schemas/{model}"
MEANINGS: dict[type[Refused], str] = {
    Malformed: "Headers that can't be read.",
    Unauthenticated: "No valid credential.",
    Forbidden: "The credential may not do this.",
    NotFound: "Missing, or another app's.",
    Conflict: "Contradicts what is there.",
    Stale: "If-Match names an earlier state, or the protocol has another version.",
    TooLarge: "Too large.",
    WrongType: "The body is not of the kind that is taken here.",
    Busy: "Another request writes there now.",
    Damaged: "The body is not what its checksum says.",
    NotOffered: "This form of the answer is not made.",
    StorageFull: "The disk takes no more now.",
    PartnerFailed: "The partner does not work, or refuses the credentials.",
    PartnerSilent: "The partner gave no answer in time; it may have done what was asked.",
    Invalid: "The request has wrong values; `errors` names where.",
    RateLimited: "Too many requests; wait for Retry-After.",
    Unavailable: "A part is down or being rebuilt; try again.",
}
PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "Stable; docs/errors.md lists them."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
        "choices": {
            "type": "array",
            "description": "Who may have been meant by a command; `text` is the same command about that person.",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("id", "name", "role", "text")},
            },
        },
    },
}
_SECONDS = {"type": "integer", "minimum": 0}
HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "Your own, or ours: it is in the logs and in the audit log.",
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "Names this state, for If-Match and If-None-Match.",
        "schema": {"type": "string"},
    },
    "Location": {
        "description": "Where what was made can be found.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Retry-After": {"description": "Seconds to wait.", "schema": _SECONDS},
    "RateLimit": {
        "description": 'The tightest limit that the request counted for: `"key";r=2;t=20` – 2 are left, in 20 s all are back.',
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": 'That limit: `"key";q=3;w=60` – 3 in 60 s.',
        "schema": {"type": "string"},
    },
    "RateLimit-Limit": {"description": "`q` of RateLimit-Policy, in the older form.", "schema": _SECONDS},
    "RateLimit-Remaining": {"description": "`r` of RateLimit, in the older form.", "schema": _SECONDS},
    "RateLimit-Reset": {
        "description": "`t` of RateLimit, in the older form: seconds until all are back.",
        "schema": _SECONDS,
    },
    "Idempotency-Replayed": {
        "description": "`true` when this answers a repeat.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Next-Cursor": {
        "description": "Of a table (CSV): the cursor of the next page, if there is one.",
        "schema": {"type": "string"},
    },
    "WWW-Authenticate": {"description": "`Bearer`.", "schema": {"type": "string"}},
}
_EVERY = (
    "X-Request-Id",
    "RateLimit",
    "RateLimit-Policy",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
)
SECURITY = {
    "account": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "Access token of a signed-in person.",
    },
    "app": {
        "type": "http",
        "scheme": "bearer",
        "description": "API key (`weir_sk_…`), or the app token of a member (POST /v1/apps/{app}/session).",
    },
    "upload": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "Upload token (POST /v1/upload-tokens).",
    },
}
_WHO: dict[str, tuple[str, ...]] = {
    "anybody": (),
    "account": ("account",),
    "tenant": ("app",),
    "uploader": ("app", "upload"),
}
_ENTRY = {
    "anybody": "Open to everybody.",
    "account": "For a signed-in person.",
    "tenant": "For an app's key or member.",
    "uploader": "For an app's key or member, or an upload token.",
}
TAGS = {
    "apps": "Apps (tenants) of a signed-in person.",
    "audit": "Who changed what.",
    "auth": "Accounts, sign-in and passwords.",
    "channels": "Chat of a stream: messages, people, moderation.",
    "events": "What happens in an app, in one order.",
    "webhooks": "Events of an app, delivered to its own servers.",
    "integrations": "Connections to partners: enforcement, payments, meters, accounting, LoRaWAN.",
    "followers": "Who wants to know when a stream begins.",
    "inbound": "What partners and sensors call.",
    "invitations": "Invitations to an app's team.",
    "keys": "API keys, signing keys and public keys.",
    "operator": "For the operator of the installation.",
    "places": "Car parks, rooms, seats: spaces, bookings and devices.",
    "profiles": "Transcoding profiles.",
    "recordings": "Recorded broadcasts and uploaded videos.",
    "revocations": "Withdrawing what was given.",
    "sources": "Webhooks of partners and readings of sensors, and what becomes of them.",
    "streams": "Streams, their keys, tokens and health.",
    "teams": "Members of an app.",
    "uploads": "Uploads of videos by the tus protocol.",
    "usage": "What an app has used.",
    "user-tokens": "Tokens for viewers and moderators.",
    "watch": "What a viewer's browser asks.",
}


def refusals(row: Row) -> list[type[Refused]]:
    """The errors that a row may answer with: those that follow from its fields, and its own list."""
    found: list[type[Refused]] = [RateLimited, Unavailable, *row.errors]
    if row.who != "anybody":
        found.append(Unauthenticated)
    if row.body is not None:
        found.append(WrongType)
    if row.scope is not None or row.who == "account" or row.cookies:
        found.append(Forbidden)
    if "{" in row.path:
        found.append(NotFound)
    if row.method != "GET":
        found.append(TooLarge)
    if row.body is not None or row.query is not None or row.method == "POST":
        found.append(Invalid)
    if row.method == "POST" and row.who != "anybody":
        found.append(Conflict)  # Idempotency-Key
    if row.etag and row.method != "GET":
        found.append(Stale)
    return [one for one in MEANINGS if one in found]


def document(rows: Sequence[Row], version: str, server: str) -> dict[str, Any]:
    """The whole document. `server` is the address under which the API is reached."""
    schemas = _schemas(rows)
    paths: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda one: one.path):
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Weir",
            "version": version,
            "description": "Live streams, chat and real-time events, on your own machines.",
            "license": {"name": "MIT", "identifier": "MIT"},
            "contact": {"name": "The operator of this installation", "url": server},
        },
        "servers": [{"url": server}],
        "paths": paths,
        "tags": [
            {"name": name, "description": TAGS.get(name, name.capitalize() + ".")}
            for name in sorted({_tag(row) for row in rows})
        ],
        "components": {
            "schemas": {**schemas.named, "Problem": PROBLEM},
            "securitySchemes": SECURITY,
            "responses": {
                **{refused.__name__: _refusal(refused) for refused in MEANINGS},
                "NotModified": NOT_MODIFIED,
            },
            "headers": HEADERS,
        },
    }


class _Schemas:
    """`named` for components; `of` gives the schema to put where a model or type is used."""

    def __init__(self, models: Iterable[type[BaseModel]], answers: Iterable[type[BaseModel]]) -> None:
        wanted: list[Any] = [
            *((one, "validation") for one in models),
            *((one, "serialization") for one in answers),
        ]
        self._refs, definitions = models_json_schema(wanted, ref_template=REF)
        self.named: dict[str, Any] = definitions.get("$defs", {})

    def of(self, model: Any, mode: Any) -> dict[str, Any]:
        if isinstance(model, type) and issubclass(model, BaseModel):
            return dict(self._refs[(model, mode)])
        return TypeAdapter(model).json_schema(ref_template=REF)


def _schemas(rows: Sequence[Row]) -> _Schemas:
    bodies = {row.body: None for row in rows if row.body is not None}
    answers = {
        row.answer: None for row in rows if isinstance(row.answer, type) and issubclass(row.answer, BaseModel)
    }
    return _Schemas(bodies, answers)


def _tag(row: Row) -> str:
    return row.tag or row.path.split("/")[2]


def _operation(row: Row, schemas: _Schemas) -> dict[str, Any]:
    said: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{row.method.lower()}_{row.path.removeprefix('/v1/')}").strip(
            "_"
        ),
        "summary": row.summary or row.work.__name__.replace("_", " ").capitalize() + ".",
        "tags": [_tag(row)],
        "responses": {
            **{str(status): _success(row, schemas) for status in (row.status, *row.also)},
            **(
                {"304": {"$ref": "#/components/responses/NotModified"}}
                if row.etag and row.method == "GET"
                else {}
            ),
            **{str(one.status): _ref(one) for one in refusals(row)},
        },
    }
    more = inspect.getdoc(row.work) or ""
    needs = f"Needs the scope `{row.scope}`." if row.scope else _ENTRY[row.who]
    said["description"] = " ".join(
        one for one in (said["summary"].rstrip(".") + ".", _told(more), needs) if one
    )
    said["security"] = [{scheme: []} for scheme in _WHO[row.who]]
    parameters = [*_path_parameters(row), *_query_parameters(row), *_header_parameters(row)]
    if parameters:
        said["parameters"] = parameters
    if row.body is not None:
        said["requestBody"] = {
            "required": _needs(row.body),
            "content": {"application/json": {"schema": schemas.of(row.body, "validation")}},
        }
    return said


def _told(doc: str) -> str:
    """The description of a row: its work's docstring without the part on errors, which are listed among the
    answers."""
    return " ".join(doc.partition("Errors:")[0].split())


def _needs(body: type[Body]) -> bool:
    return any(one.is_required() for one in body.model_fields.values())


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


NOT_MODIFIED = {
    "description": "You have this state already (If-None-Match).",
    "headers": _headers("X-Request-Id", "ETag"),
}


def _success(row: Row, schemas: _Schemas) -> dict[str, Any]:
    told = [*_EVERY]
    told += ["ETag"] if row.etag else []
    told += ["Location"] if row.status == 201 and row.at else []
    told += ["Idempotency-Replayed"] if row.method == "POST" and row.who != "anybody" else []
    told += (
        ["Next-Cursor"] if row.csv and row.query is not None and "cursor" in row.query.model_fields else []
    )
    return {"description": "Done.", "headers": _headers(*told), **_content(row, schemas)}


def _content(row: Row, schemas: _Schemas) -> dict[str, Any]:
    if row.status == 204:
        return {}
    if row.media is not None:
        return {"content": {row.media: {"schema": {"type": "string", "format": "binary"}}}}
    schema = schemas.of(row.answer, "serialization") if row.answer is not None else {"type": "object"}
    content: dict[str, Any] = {"application/json": {"schema": schema}}
    if row.csv:
        content["text/csv"] = {"schema": {"type": "string"}}
    return {"content": content}


def _refusal(refused: type[Refused]) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": REF.format(model="Problem")}}}
    told = [*_EVERY]
    told += ["Retry-After"] if refused in (RateLimited, Unavailable, Conflict, Busy) else []
    told += ["WWW-Authenticate"] if refused is Unauthenticated else []
    return {"description": MEANINGS[refused], "headers": _headers(*told), "content": content}


def _ref(refused: type[Refused]) -> dict[str, str]:
    return {"$ref": f"#/components/responses/{refused.__name__}"}


def _path_parameters(row: Row) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", row.path)
    ]


def _query_parameters(row: Row) -> list[dict[str, Any]]:
    if row.query is None:
        return []
    schema = row.query.model_json_schema(ref_template=REF)
    required = schema.get("required", [])
    shown = {"style": "deepObject", "explode": True}
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "schema": one,
            **(shown if name in row.query.maps else {}),
        }
        for name, one in schema["properties"].items()
    ]


def _header_parameters(row: Row) -> list[dict[str, Any]]:
    headers = []
    if row.method == "POST" and row.who != "anybody":
        headers.append(
            ("Idempotency-Key", "A repeat within 24 h with the same key gets the first answer.", 255)
        )
    if row.etag and row.method != "GET":
        headers.append(
            (
                "If-Match",
                "The ETag that you read; the change is refused when it is no longer the present one.",
                200,
            )
        )
    if row.etag and row.method == "GET":
        headers.append(("If-None-Match", "An ETag that you have: 304 when it is still the present one.", 200))
    return [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": text,
            "schema": {"type": "string", "maxLength": longest},
        }
        for name, text, longest in headers
    ]
