"""The addresses of a connection, with what the partner knows us by: checked, sealed, and opened for a call."""

from typing import Any

from yarl import URL

from control.collections import IntegrationDoc
from control.integrations.calls import Connection
from control.integrations.credentials import opened, parted, sealed
from control.integrations.envelope import key_bytes
from control.integrations.models import Encryption, Endpoint
from control.integrations.operations import PARTNERS
from weir.foundation.clock import now_ms
from weir.foundation.egress import Egress, check_headers
from weir.foundation.errors import Invalid, Unavailable
from weir.foundation.vault import Vault

ENVIRONMENTS = ("sandbox", "production")


class Endpoints:
    """Writes into documents that are not stored yet. Errors of the verbs that write: Invalid, with the field."""

    def __init__(self, *, vault: Vault, egress: Egress) -> None:
        self._vault = vault
        self._egress = egress

    def place(self, doc: IntegrationDoc, environment: str, asked: Endpoint | None) -> None:
        """An environment; None removes it."""
        if asked is None:
            doc["endpoints"].pop(environment, None)
            doc["sealed"].pop(environment, None)
            return
        url = self._url(doc, environment, asked.url)
        if asked.credentials is None:
            self._keep(doc, environment, url)
            return
        given, field = asked.credentials.model_dump(), f"{environment}.credentials"
        if given["kind"] == "oauth2":
            self._check_url(f"{field}.token_url", given["token_url"])
        if given["kind"] == "api_key":
            _check_header(f"{field}.header", given["header"])
        self._write(doc, environment, url, given)

    def _url(self, doc: IntegrationDoc, environment: str, asked: str | None) -> str:
        old = doc["endpoints"].get(environment)
        usual = PARTNERS[doc["kind"]].addresses[environment == "sandbox"]
        url = (asked or (old["url"] if old else usual)).rstrip("/")
        field = f"{environment}.url"
        if not url:
            raise wrong(field, "this kind of partner has no usual address; write yours")
        if "?" in url:
            raise wrong(field, "write the address without a query, as paths are added to it")
        self._check_url(field, url)
        return url

    def _keep(self, doc: IntegrationDoc, environment: str, url: str) -> None:
        """Leaves the stored credentials, which are not sent to another host."""
        old = doc["endpoints"].get(environment)
        if old is None:
            self._write(doc, environment, url, {"kind": "none"})
        elif URL(url).origin() == URL(old["url"]).origin() or old["known_by"]["kind"] == "none":
            doc["endpoints"][environment] = {**old, "url": url}
        else:
            raise wrong(
                f"{environment}.credentials",
                "write them too: the address has another host, and the stored ones are not sent there",
            )

    def _write(self, doc: IntegrationDoc, environment: str, url: str, given: dict[str, Any]) -> None:
        shown, secret = parted(given)
        doc["endpoints"][environment] = {"url": url, "known_by": shown, "set": now_ms()}
        doc["sealed"][environment] = sealed(secret, _owner(doc, environment), self._vault)

    def encrypt(self, doc: IntegrationDoc, asked: Encryption | None) -> None:
        """The key of encrypted bodies; None removes it."""
        if asked is None:
            doc["encryption"] = None
            doc["sealed"].pop("encryption", None)
            return
        doc["encryption"] = {"kid": asked.kid}
        doc["sealed"]["encryption"] = sealed({"key": asked.key}, _owner(doc, "encryption"), self._vault)

    def _check_url(self, field: str, url: str) -> None:
        try:
            self._egress.check(url)
        except Invalid as error:
            raise wrong(field, error.detail) from None

    def connection(self, doc: IntegrationDoc) -> Connection:
        """With open secrets, in the environment that is used. Errors: Unavailable when they were sealed by
        another installation."""
        endpoint, encryption = doc["endpoints"][doc["environment"]], None
        try:
            known = self._open(doc, doc["environment"], endpoint["known_by"])
            if doc["encryption"] is not None:
                encryption = doc["encryption"]["kid"], key_bytes(self._open(doc, "encryption", {})["key"])
        except ValueError:
            raise Unavailable(
                "The stored credentials were sealed with another secret of the installation. Write them again."
            ) from None
        return Connection(
            doc["id"],
            doc["name"],
            doc["kind"],
            doc["environment"],
            endpoint["url"],
            known,
            doc["timeout_s"],
            encryption,
        )

    def _open(self, doc: IntegrationDoc, what: str, shown: dict[str, Any]) -> dict[str, Any]:
        return opened(shown, doc["sealed"][what], _owner(doc, what), self._vault)


def _owner(doc: IntegrationDoc, what: str) -> str:
    return f"{doc['id']}:{what}"


def wrong(field: str, detail: str) -> Invalid:
    return Invalid(f"{field}: {detail.rstrip('.')}.", fields=[{"field": field, "detail": detail}])


def _check_header(field: str, name: str) -> None:
    try:
        check_headers({name: ""})
    except Invalid as error:
        raise wrong(field, error.detail) from None
