"""Refusals with stable codes, shared by HTTP (problem+json) and sockets (ack errors).

Refused
├── Malformed       400   headers that can't be read; the code is `invalid`
├── Unauthenticated 401   who are you?
├── Forbidden       403   known, but not allowed (also muted, banned, locked)
├── QuotaExceeded   403   the app's plan, or the stream's own bound
├── NotFound        404   missing, or another tenant's: the answers are the same
├── Invalid         422   the request has wrong values; `fields` names where
├── TooLarge        413
├── RateLimited     429   with retry_after seconds (also slow_mode, guest_wait)
├── Conflict        409
├── Stale           412   If-Match names an earlier state, or another protocol version; the code is `conflict`
├── WrongType       415   the body is not of the kind that is taken here; the code is `invalid`
├── Busy            423   another request writes there now; the code is `conflict`, with retry_after
├── Damaged         460   not what its checksum says (tus); the code is `invalid`
├── NotOffered      501   a form of the answer that is not made; the code is `invalid`
├── Unavailable     503   a part is down or being rebuilt; try again
├── PartnerFailed   502   another system that was called on the caller's behalf failed
├── PartnerSilent   504   the same, without an answer in time
└── StorageFull     507   the disk takes no more
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

Code = Literal[
    "unauthenticated",
    "forbidden",
    "not_found",
    "invalid",
    "too_large",
    "rate_limited",
    "slow_mode",
    "guest_wait",
    "muted",
    "banned",
    "locked",
    "denied",
    "quota_exceeded",
    "conflict",
    "unavailable",
    "storage_full",
    "partner_failed",
    "in_use",
    "last_owner",
    "invitation_spent",
    "idempotency_mismatch",
    "idempotency_in_progress",
]


class Refused(Exception):
    """A request that is answered with a reason; never a bug. `detail` is one sentence for a person; `choices`
    what may have been meant."""

    status: ClassVar[int] = 400
    code: Code = "invalid"
    headers: Mapping[str, str] = {}

    def __init__(
        self,
        detail: str,
        *,
        code: Code | None = None,
        retry_after: float | None = None,
        fields: list[dict[str, Any]] | None = None,
        choices: list[dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.retry_after = retry_after
        self.fields = fields or []
        self.choices = choices or []


class Malformed(Refused):
    status, code = 400, "invalid"


class Unauthenticated(Refused):
    status, code = 401, "unauthenticated"


class Forbidden(Refused):
    status, code = 403, "forbidden"


class QuotaExceeded(Refused):
    status, code = 403, "quota_exceeded"


class NotFound(Refused):
    status, code = 404, "not_found"


class Invalid(Refused):
    status, code = 422, "invalid"


class TooLarge(Refused):
    status, code = 413, "too_large"


class RateLimited(Refused):
    status, code = 429, "rate_limited"


class Conflict(Refused):
    status, code = 409, "conflict"


class Stale(Refused):
    status, code = 412, "conflict"


class WrongType(Refused):
    status, code = 415, "invalid"


class Busy(Refused):
    status, code = 423, "conflict"


class Damaged(Refused):
    status, code = 460, "invalid"


class NotOffered(Refused):
    status, code = 501, "invalid"


class Unavailable(Refused):
    status, code = 503, "unavailable"


class PartnerFailed(Refused):
    status, code = 502, "partner_failed"


class PartnerSilent(Refused):
    status, code = 504, "partner_failed"


class StorageFull(Refused):
    status, code = 507, "storage_full"


class ApiRefused(Exception):
    """What the API answered the command line with, as a sentence."""
