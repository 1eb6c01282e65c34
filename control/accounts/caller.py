"""The signed-in caller of a request, and the form of an e-mail address."""

from typing import Annotated

from pydantic import AfterValidator, Field

from control.accounts.service import Accounts
from weir.foundation.http.routing import Call
from weir.foundation.tenancy.collections import AccountDoc


def _address(text: str) -> str:
    name, _, domain = text.partition("@")
    if (
        not name
        or "." not in domain.strip(".")
        or not text.isprintable()
        or any(character.isspace() for character in text)
    ):
        raise ValueError("this is not an e-mail address")
    return text


Email = Annotated[str, Field(max_length=254), AfterValidator(_address)]


async def person(accounts: Accounts, call: Call) -> AccountDoc:
    """The account of a signed-in caller. Errors: Unauthenticated."""
    return await accounts.get(call.signed_in().id)
