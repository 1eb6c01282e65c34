"""One connected client, and what its tokens say. [work]"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from realtime.rules.moderation_actions import NO_MORE, Barred, address_field, device_field, user_field
from realtime.rules.permissions import RateWindow, Role
from weir.foundation.ids import made_ms
from weir.foundation.tenancy.tokens import PlaybackClaims, UserClaims

COMMANDS_PER_S = 20
ASKED_PER_S = 5  # questions to the app about one member's messages
OURS = "weir"


@dataclass(eq=False)
class Client:
    """`socket` is the Socket.IO session, `stream` the one that its tokens are for, `origin` the hash of its
    address (realtime.log.redis_keys). `guest`: the watch page created it, without a token of the app's;
    `only` is the one channel that it has access to, None for no such limit. `joined` maps channels to the
    viewing session under which it is counted there; `stored` has the roles that moderation gave it, where
    these are current; `noted` the channels that list it among their users. `turn` runs its requests one by
    one, in order; `waiting` counts them. `given_name` replaces a guest's name that belongs to another
    user."""

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
    asked: RateWindow = field(default_factory=lambda: RateWindow(ASKED_PER_S))
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0
    gone: bool = False
    expiry: asyncio.TimerHandle | None = None
    guest: bool = field(init=False)
    only: str | None = field(init=False)

    def __post_init__(self) -> None:
        """Guests' tokens from before they had a mark are recognised by a session and exactly one channel;
        such a token lives at most 12 hours."""
        user = self.user
        before = user.iss == OURS and user.sid is not None and user.channel is None and len(user.roles) == 1
        self.guest = user.guest or before
        self.only = next(iter(user.roles), "") if self.guest and user.channel is None else user.channel

    def role(self, channel: str) -> Role:
        """The role known to this node; one stored by moderation overrides the token's."""
        return self.stored.get(channel) or self.token_role(channel)

    def token_role(self, channel: str) -> Role:
        return self.user.roles.get(channel, "member")

    @property
    def barred(self) -> Barred:
        """Fields by which it may be banned besides its own id: the app's user who created a guest, and a
        guest's device and address. A signed-in user's device and address never count, because others may
        share them."""
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
        """When a guest came first, from the id of its device."""
        return made_ms(self.user.device) if self.user.device else self.user.iat * 1000

    @property
    def name(self) -> str:
        return self.given_name or self.user.name or self.user.sub

    def session(self, playback: str) -> str:
        """The viewing session under which it counts at this playback id: its player's, else the user token's,
        else its own."""
        if self.playback is not None and self.playback.sub == playback:
            return self.playback.sid
        return self.user.sid or self.socket

    def card(self, role: Role) -> dict[str, Any]:
        """What others see with its messages."""
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
