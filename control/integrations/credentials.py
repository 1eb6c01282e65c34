"""How a partner knows us: what is shown of credentials, what is sealed, and the header that they become."""

from base64 import b64encode
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field

from weir.foundation.http.routing import Body
from weir.foundation.vault import Vault

Printable = Annotated[str, Field(pattern=r"^[\x20-\x7e]{1,4000}$")]
Url = Annotated[str, Field(min_length=1, max_length=2048)]


class NoCredentials(Body):
    kind: Literal["none"]


class KeyInHeader(Body):
    """With `prefix` the header's value is both with a blank between them, as in `Authorization: Token …`; else the
    key alone."""

    kind: Literal["api_key"]
    header: str = Field("X-Api-Key", pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")
    prefix: str = Field("", pattern=r"^[\x21-\x7e]{0,40}$")
    key: Printable


class BearerToken(Body):
    kind: Literal["bearer"]
    token: Printable


class BasicPassword(Body):
    kind: Literal["basic"]
    username: str = Field(pattern=r"^[^:\x00-\x1f\x7f]{1,200}$")
    password: str = Field(pattern=r"^[^\x00-\x1f\x7f]{1,1000}$")


class OAuth2Client(Body):
    """Client credentials (RFC 6749): tokens are fetched at `token_url` and kept until a minute before they
    expire."""

    kind: Literal["oauth2"]
    token_url: Url
    client_id: Printable
    client_secret: Printable
    scope: str = Field("", pattern=r"^[\x20-\x7e]{0,1000}$")


Credentials = Annotated[
    NoCredentials | KeyInHeader | BearerToken | BasicPassword | OAuth2Client, Field(discriminator="kind")
]
SECRETS = ("key", "token", "password", "client_secret")


def parted(given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(what may be shown, what is sealed) of credentials."""
    shown = {name: value for name, value in given.items() if name not in SECRETS}
    return shown, {name: value for name, value in given.items() if name in SECRETS}


def sealed(secret: dict[str, Any], owner: str, vault: Vault) -> str:
    """`owner` names the connection and its environment: a sealed value opens nowhere else."""
    return vault.seal(orjson.dumps(secret).decode(), owner)


def opened(shown: dict[str, Any], text: str, owner: str, vault: Vault) -> dict[str, Any]:
    """The credentials whole again. Errors: ValueError for a value that was sealed elsewhere."""
    return {**shown, **orjson.loads(vault.open(text, owner))}


def header_of(credentials: dict[str, Any]) -> dict[str, str]:
    """The header, of all kinds but oauth2."""
    match credentials["kind"]:
        case "api_key":
            return {credentials["header"]: f"{credentials['prefix']} {credentials['key']}".lstrip()}
        case "bearer":
            return {"Authorization": f"Bearer {credentials['token']}"}
        case "basic":
            pair = f"{credentials['username']}:{credentials['password']}"
            return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
    return {}
