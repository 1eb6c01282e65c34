"""What the follower routes ask and answer."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from control.accounts.caller import Email
from control.followers.push import PushKeys, check_keys
from control.models import AnswerModel
from weir.foundation.http.routing import Body, Paging

_PLAIN = re.compile(r"[^\s@,;:<>()\[\]\"\\]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


def _one_address(text: str) -> str:
    """One address, and nothing that a mail's header would read as more."""
    if not text.isascii() or not _PLAIN.fullmatch(text):
        raise ValueError("this is not an e-mail address")
    return text.lower()


class PushKeysGiven(Body):
    p256dh: str = Field(max_length=100)
    auth: str = Field(max_length=30)

    @model_validator(mode="after")
    def _usable(self) -> "PushKeysGiven":
        keys: PushKeys = {"p256dh": self.p256dh, "auth": self.auth}
        check_keys(keys)
        return self


class PushGiven(Body):
    """A browser's PushSubscription, as `toJSON()` gives it."""

    endpoint: str = Field(max_length=1000, pattern=r"^https://")
    keys: PushKeysGiven
    expirationTime: int | None = None  # noqa: N815 – the browser's own name


class NewFollower(Body):
    """Either of both. `token` is a playback token, for a signed stream."""

    email: Annotated[Email, AfterValidator(_one_address)] | None = None
    push: PushGiven | None = None
    token: str = Field("", max_length=4096)

    @model_validator(mode="after")
    def _one(self) -> "NewFollower":
        if (self.email is None) == (self.push is None):
            raise ValueError("give email or push")
        return self


class FollowerFilter(Paging):
    state: Literal["pending", "confirmed"] | None = None


class FollowAsked(AnswerModel):
    """The same for every e-mail address, known or not: if it does not follow yet, a mail asks. A push
    subscription follows at once; `unsubscribe` is the token that ends it."""

    kind: Literal["email", "push"]
    unsubscribe: str | None


class Follower(AnswerModel):
    id: str
    kind: Literal["email", "push"]
    state: Literal["pending", "confirmed"]
    email: str | None
    endpoint: str | None = Field(description="Of a push subscription: the host of its service.")
    created: str
    confirmed: str | None


class PushKey(AnswerModel):
    """For `pushManager.subscribe({applicationServerKey})`."""

    key: str
