"""The document of the sockets (AsyncAPI 3.0), written from the models that check requests and describe
events. [decision]"""

from typing import Any

from pydantic.json_schema import models_json_schema

from realtime.protocol.answers import ANSWERS, EXAMPLES
from realtime.protocol.event_schemas import EVENTS
from realtime.protocol.messages import (
    ActionList,
    Ask,
    CardOf,
    Commands,
    Delete,
    HeldDecision,
    HeldList,
    History,
    Join,
    Leave,
    OneMessage,
    Order,
    Original,
    PresenceList,
    React,
    Restrictions,
    Send,
    Subscribe,
    Typing,
    Unsubscribe,
)

REF = "#/components/schemas/{model}"
REQUESTS: dict[str, tuple[type[Ask], str]] = {
    "channel.join": (Join, "Enter a channel; with epoch and seq, get what was missed."),
    "channel.leave": (Leave, "Leave a channel."),
    "chat.send": (Send, "Write a message; a text that starts with a slash is a command."),
    "chat.command": (Order, "Give a moderation command."),
    "chat.commands": (Commands, "Read the commands that one may use."),
    "chat.delete": (Delete, "Remove a message: one's own, or as a moderator."),
    "chat.history": (History, "Read messages, a page at a time."),
    "chat.original": (Original, "Read what a removed message said, as a moderator."),
    "chat.message": (OneMessage, "Read one message, for instance the one that an answer quotes."),
    "held.list": (HeldList, "Read the messages that wait for a moderator, as a moderator."),
    "held.decide": (HeldDecision, "Let a held message through, or reject it, as a moderator."),
    "moderation.actions": (ActionList, "Read what moderators did, as a moderator."),
    "moderation.restrictions": (Restrictions, "Read who is banned, muted or timed out, as a moderator."),
    "moderation.user": (CardOf, "Read a user's role, restrictions and messages, as a moderator."),
    "typing.start": (Typing, "Say that one types."),
    "typing.stop": (Typing, "Say that one types no longer."),
    "reaction.send": (React, "React."),
    "presence.list": (PresenceList, "Read who is here, a page at a time."),
    "events.subscribe": (
        Subscribe,
        "Follow the app's events; needs an API key or app token with events:read.",
    ),
    "events.unsubscribe": (Unsubscribe, "Follow no longer."),
}
ACK = {
    "type": "object",
    "required": ["ok", "error"],
    "properties": {
        "ok": {"const": False},
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "retry_after": {"type": "number"},
                "choices": {
                    "type": "array",
                    "description": "Who may have been meant by a command; `text` is the same command about that person.",
                    "items": {
                        "type": "object",
                        "properties": {name: {"type": "string"} for name in ("id", "name", "role", "text")},
                    },
                },
            },
        },
    },
}


SCHEMES = {
    "userSocket": {
        "type": "apiKey",
        "in": "user",
        "description": "`token` in the auth of the Socket.IO connection: a user token (POST /v1/user-tokens, or one signed with your own "
        "key); with `playback`, a playback token, where the stream is signed.",
    },
    "appSocket": {
        "type": "apiKey",
        "in": "user",
        "description": "`token` in the auth of the Socket.IO connection: an API key or an app token that has events:read.",
    },
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key or an app token that has events:read.",
    },
}
SECURITY = {name: {"$ref": f"#/components/securitySchemes/{name}"} for name in SCHEMES}
FILTERS = ("types", "stream", "channel", "place", "epoch")
ENGINE = {"type": "string", "const": "4", "description": "The version of Engine.IO."}


def document(version: str, host: str, protocol: str) -> dict[str, Any]:
    """The whole document; `protocol` is ws or wss."""
    names = {kind: _name(kind) for kind in (*REQUESTS, *EVENTS)}
    refs, definitions = models_json_schema(
        [
            (model, "validation")
            for model in (
                *(one for one, _ in REQUESTS.values()),
                *ANSWERS.values(),
                *(form.model for form in EVENTS.values()),
            )
        ],
        ref_template=REF,
    )
    messages: dict[str, Any] = {
        names[kind]: {"name": kind, "summary": about, "payload": refs[(model, "validation")]}
        for kind, (model, about) in REQUESTS.items()
    }
    for kind, form in EVENTS.items():
        about = form.about + (" Ephemeral: at most once, no seq." if form.ephemeral else "")
        messages[names[kind]] = {"name": kind, "summary": about, "payload": refs[(form.model, "validation")]}
    for kind, answer in ANSWERS.items():
        messages[f"{names[kind]}_ack"] = {
            "name": f"{kind} ack",
            "summary": f"What a {kind} that succeeds is answered with.",
            "payload": refs[(answer, "validation")],
            "examples": [{"name": f"{kind} ack", "payload": EXAMPLES[kind]}],
        }
    messages["ack"] = {
        "name": "ack",
        "summary": "The answer to a request that is refused.",
        "payload": {"$ref": REF.format(model="Ack")},
        "examples": [{"name": "ack", "payload": EXAMPLES["ack"]}],
    }
    socket = {"$ref": "#/channels/socket"}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Weir",
            "version": version,
            "description": "Chat, moderation, presence, occupancy and events of apps.",
            "license": {"name": "MIT"},
            "tags": [{"name": "chat"}, {"name": "events"}],
            "contact": {
                "name": "The operator of this installation",
                "url": f"{'https' if protocol == 'wss' else 'http'}://{host}",
            },
        },
        "defaultContentType": "application/json",
        "servers": {"weir": {"host": host, "protocol": protocol}},
        "channels": {
            "socket": {
                "address": "/socket.io",
                "title": "Socket.IO, default namespace; connect with auth {token, playback?}.",
                "description": "A guest's token opens the one channel that it was let into. The channel of a signed stream opens by a "
                "role in it, in the token or given by a moderator, or by a playback token of the stream as `playback`.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
                "bindings": {
                    "ws": _binding(
                        {"EIO": ENGINE, "transport": {"type": "string", "const": "websocket"}},
                        ["EIO", "transport"],
                    )
                },
            },
            "events": {
                "address": "/v1/events/ws",
                "title": "Plain WebSocket with an API key or app token: one envelope a text frame.",
                "messages": {
                    names[kind]: {"$ref": f"#/components/messages/{names[kind]}"} for kind in EVENTS
                },
                "bindings": {
                    "ws": _binding(
                        {**{name: {"type": "string"} for name in FILTERS}, "seq": {"type": "integer"}}, []
                    )
                },
            },
        },
        "operations": {
            **{
                _camel(kind): {
                    "action": "receive",
                    "channel": socket,
                    "summary": about,
                    "messages": [_in("socket", names[kind])],
                    "description": f"{about} Answered by an ack: `ok`, or the `error`.",
                    "reply": {
                        "channel": socket,
                        "messages": [_in("socket", f"{names[kind]}_ack"), _in("socket", "ack")],
                    },
                    "security": [SECURITY["appSocket" if kind.startswith("events.") else "userSocket"]],
                }
                for kind, (_, about) in REQUESTS.items()
            },
            "tell": {
                "action": "send",
                "channel": socket,
                "description": "Events of the channels that were joined, and of the app that is followed.",
                "messages": [_in("socket", names[kind]) for kind in EVENTS],
                "security": [SECURITY["userSocket"], SECURITY["appSocket"]],
            },
            "follow": {
                "action": "send",
                "channel": {"$ref": "#/channels/events"},
                "description": "Events of the app.",
                "messages": [_in("events", names[kind]) for kind in EVENTS],
                "security": [SECURITY["bearer"]],
            },
        },
        "components": {
            "messages": messages,
            "securitySchemes": SCHEMES,
            "schemas": {**definitions.get("$defs", {}), "Ack": ACK},
        },
    }


def _binding(query: dict[str, Any], required: list[str]) -> dict[str, Any]:
    """Of a WebSocket: the parameters of its address."""
    asked = {"type": "object", "properties": query, **({"required": required} if required else {})}
    return {"method": "GET", "query": asked, "bindingVersion": "0.1.0"}


def _in(channel: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/channels/{channel}/messages/{name}"}


def _name(kind: str) -> str:
    return kind.replace(".<name>", "").replace(".", "_")


def _camel(kind: str) -> str:
    first, *rest = kind.split(".")
    return first + "".join(part.title() for part in rest)
