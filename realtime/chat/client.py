"""One connected client and what its tokens say about it. [work]"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from realtime.rules.moderation_actions import NO_MORE, Barred, address_field, device_field, user_field
from realtime.rules.permissions import RateWindow, Role
from weir.foundation.ids import made_ms
from weir.foundation.tenancy.tokens import PlaybackClaims, UserClaims

COMMANDS_PER_S = 20
OURS = "weir"


@dataclass(eq=False)
class Client:
    """`socket` is the Socket.IO session, `stream` the one that its tokens are for, `origin` what stands for
    its address (realtime.log.redis_keys). `guest`: the watch page let it in without a token of the app's;
    `only` is the one channel that there is for it, None where it has no such bound. `joined` holds the
    channels it has joined and under which viewing session it is counted there; `stored` the roles that
    moderation gave it, where these are known to be up to date; `noted` the channels that list it among
    their people. `turn` lets its requests through one by one, in the order they came; `waiting` counts
    them. `given_name` stands for a guest's own where that is somebody else's."""

    socket: str
    user: UserClaims
    playback: PlaybackClaims | None
    requests: RateWindow
    stream: str | None = None
    origin: str = ""
    joined: dict[str, str] = field(default_factory=dict)
    stored: dict[str, Role | None] = field(default_factory=dict)
    noted: set[str] = field(default_factory=set)
    given_name: str = ""
    commands: RateWindow = field(default_factory=lambda: RateWindow(COMMANDS_PER_S))
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0
    gone: bool = False
    expiry: asyncio.TimerHandle | None = None
    guest: bool = field(init=False)
    only: str | None = field(init=False)

    def __post_init__(self) -> None:
        """Guests' tokens from before these said so are told by what only they had together: a session, and
        one channel; such a token lives 12 hours at most."""
        user = self.user
        before = user.iss == OURS and user.sid is not None and user.channel is None and len(user.roles) == 1
        self.guest = user.guest or before
        self.only = next(iter(user.roles), "") if self.guest and user.channel is None else user.channel

    def role(self, channel: str) -> Role:
        """By what is known here; a role stored by moderation beats the token's."""
        return self.stored.get(channel) or self.token_role(channel)

    def token_role(self, channel: str) -> Role:
        return self.user.roles.get(channel, "member")

    @property
    def barred(self) -> Barred:
        """Under what it may be banned beside its own id: the app's user who let a guest in, and a guest's
        device and address. Those of signed-in users never count: others may share them."""
        if not self.guest:
            return NO_MORE
        user = self.user
        let_in = (user_field(user.uid),) if user.uid else ()
        device = (device_field(user.device),) if user.device else ()
        return Barred(
            (*let_in, *device, *((address_field(self.origin),) if self.origin else ())), self.since_ms
        )

    @property
    def since_ms(self) -> int:
        """When a guest came first, by the id of its device."""
        return made_ms(self.user.device) if self.user.device else self.user.iat * 1000

    @property
    def name(self) -> str:
        return self.given_name or self.user.name or self.user.sub

    def session(self, playback: str) -> str:
        """The viewing session it counts as at this playback id: its player's, else the user token's, else its
        own."""
        if self.playback is not None and self.playback.sub == playback:
            return self.playback.sid
        return self.user.sid or self.socket

    def card(self, role: Role) -> dict[str, Any]:
        """What others see beside a message."""
        card: dict[str, Any] = {
            "id": self.user.sub,
            "name": self.name,
            "role": role,
            "badges": self.user.badges,
        }
        if self.user.avatar:
            card["avatar"] = self.user.avatar
        return card

    def holds(self, kind: str, subject: str, before_ms: int) -> bool:
        """True when this client's rights are among those withdrawn by (kind, subject) for tokens issued
        before."""
        user, playback = self.user, self.playback
        if kind in ("member", "key"):
            return any(
                one is not None and one.by == subject and one.iat * 1000 < before_ms
                for one in (user, playback)
            )
        if kind == "user":
            return subject in (user.sub, user.uid) and user.iat * 1000 < before_ms
        if kind == "session":
            by_user = user.sid == subject and user.iat * 1000 < before_ms
            return by_user or (
                playback is not None and playback.sid == subject and playback.iat * 1000 < before_ms
            )
        issued_s = [*([playback.iat] if playback is not None else []), *([user.iat] if self.guest else [])]
        return self.stream == subject and any(one * 1000 < before_ms for one in issued_s)
