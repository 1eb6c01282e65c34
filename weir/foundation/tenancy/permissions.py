"""The one table of roles, scopes of API keys and the studio's verbs. Pure.

Scopes are carried by app tokens and API keys; the other verbs are a person's, on an app that the person is
a member of.
"""

from collections.abc import Collection
from typing import Literal, get_args

Role = Literal["viewer", "editor", "admin", "owner"]
ROLES: tuple[Role, ...] = ("viewer", "editor", "admin", "owner")

LEAST: dict[str, Role] = {
    # scopes
    "streams:read": "viewer", "chat:read": "viewer", "events:read": "viewer", "usage:read": "viewer",
    "streams:write": "editor", "vod:write": "editor", "chat:moderate": "editor", "events:write": "editor", "places:write": "editor",
    "webhooks:read": "editor", "integrations:read": "editor", "webhooks:write": "admin", "integrations:write": "admin",
    "followers:write": "admin",
    # a person's verbs on an app
    "app.read": "viewer", "members.read": "viewer",
    "app.update": "admin", "keys.read": "admin", "keys.write": "admin", "members.write": "admin", "audit.read": "admin",
    "app.delete": "owner", "owners.write": "owner",
}  # fmt: skip
"""The least role that may."""

Scope = Literal[
    "streams:read", "chat:read", "events:read", "usage:read", "streams:write", "vod:write", "chat:moderate", "events:write", "places:write",
    "webhooks:read", "webhooks:write", "integrations:read", "integrations:write",
    "followers:write",
]  # fmt: skip
SCOPES: tuple[str, ...] = get_args(Scope)
EVERY = "*"
"""Means all scopes in a request for a key."""

SIGNING: dict[str, str] = {"weir:user": "chat:moderate", "weir:playback": "streams:write"}
"""The scope with which a customer's key may sign tokens of an audience: that of the route which gives such
tokens."""


def signs(scopes: Collection[str]) -> bool:
    """True when a key with these scopes may sign anything."""
    return any(scope in scopes for scope in SIGNING.values())


def may(role: Role | None, verb: str) -> bool:
    """False for a person who is not a member."""
    return role is not None and ROLES.index(role) >= ROLES.index(LEAST[verb])


def scopes_of(role: Role) -> tuple[str, ...]:
    return tuple(scope for scope in SCOPES if may(role, scope))


def may_give(actor: Role, role: Role) -> bool:
    """Only owners make owners; other roles are given by everyone who may change members."""
    return may(actor, "owners.write" if role == "owner" else "members.write")


def may_change_member(actor: Role, member: Role, to: Role | None) -> bool:
    """`to` None removes the member. An owner is changed by owners only."""
    return may_give(actor, member) and (to is None or may_give(actor, to))
