"""AWS Signature Version 4 for S3, as headers. [decision]"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote


@dataclass(frozen=True)
class Signer:
    access_key: str
    secret_key: str
    region: str

    def headers(
        self,
        method: str,
        host: str,
        path: str,
        query: Mapping[str, str],
        more: Mapping[str, str],
        digest: str,
        at_s: float,
    ) -> dict[str, str]:
        """The headers `more` and those that sign them. `path` is encoded already; `digest` is the body's
        SHA-256 in hexadecimal."""
        stamp = datetime.fromtimestamp(at_s, UTC).strftime("%Y%m%dT%H%M%SZ")
        signed = {**{name.lower(): value for name, value in more.items()}, "host": host}
        signed |= {"x-amz-content-sha256": digest, "x-amz-date": stamp}
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name].strip()}\n" for name in sorted(signed))
        canonical = "\n".join([method, path, encoded(query), lines, names, digest])
        scope = f"{stamp[:8]}/{self.region}/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = f"AWS4{self.secret_key}".encode()
        for word in (stamp[:8], self.region, "s3", "aws4_request"):
            key = hmac.digest(key, word.encode(), "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        credential = f"Credential={self.access_key}/{scope}"
        return {
            **signed,
            "authorization": f"AWS4-HMAC-SHA256 {credential},SignedHeaders={names},Signature={signature}",
        }


def encoded(query: Mapping[str, str]) -> str:
    """A query in the one form that can be signed: sorted, everything but unreserved characters as %XX."""
    return "&".join(f"{quote(name, safe='-_.~')}={quote(query[name], safe='-_.~')}" for name in sorted(query))
