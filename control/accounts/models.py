"""What the account routes answer."""

from typing import Literal

from pydantic import Field

from control.models import AnswerModel
from weir.foundation.http.routing import shown_once


class Account(AnswerModel):
    id: str
    email: str
    name: str
    operator: bool
    verified: bool
    created: str


class Options(AnswerModel):
    sign_up: Literal["open", "invitation"]
    mail: bool = Field(description="Whether mails reach mailboxes: a mail server is set up.")


class SignedIn(AnswerModel):
    """The refresh token comes as the cookie `weir_refresh`. Without a token the address has to be verified
    first."""

    account: Account
    access_token: str | None = shown_once()
    expires_in: int | None = None
