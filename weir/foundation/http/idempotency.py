"""Idempotency-Key: a POST that is sent again within 24 h gets the first answer and is not carried out again.

Stored in documents, not in Redis: if an answer were lost with Redis, the repeat would create a second
object. A process that dies in the middle leaves an attempt that another may take over after TAKE_OVER_MS.
It gets the same seed, so the object that it creates has the same id and is created once.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

import orjson

from weir.foundation.clock import now_ms
from weir.foundation.documents import Between, Collection, Doc, DuplicateKey, Index, Store
from weir.foundation.errors import Conflict, Invalid
from weir.foundation.ids import body, new_id


class RepeatDoc(TypedDict):
    """A request that has an Idempotency-Key: `request` is the hash of what was asked, `answer` its JSON as
    text."""

    id: str
    request: str
    seed: str
    started: int
    expires: int
    answer: NotRequired[str]


REPEATS = Collection[RepeatDoc](
    "repeats", {"expires": "int", "started": "int"}, (Index(("expires",)),), tenant=False
)
KEPT_MS = 86_400_000
TAKE_OVER_MS = 60_000  # longer than any request may take
LONGEST_KEY = 255


@dataclass(frozen=True)
class IdempotentCall:
    """One request under a key. `answer` is the first one's (`data` without secrets, `status`, `etag`,
    `headers`) when it has been answered."""

    id: str
    seed: str
    answer: Doc | None = None


class IdempotencyKeys:
    def __init__(self, store: Store) -> None:
        self._all = store.operator()

    async def begin(self, key: str, method: str, path: str, raw: bytes) -> IdempotentCall:
        """`key` names its owner too. Errors: Invalid for a key that is too long, and for one that was sent
        with another request; Conflict while the first request still runs."""
        if not key.rpartition(":")[2] or len(key) > LONGEST_KEY + 64:
            raise Invalid(f"An Idempotency-Key has 1 to {LONGEST_KEY} characters.")
        said = hashlib.sha256(b"\n".join((method.encode(), path.encode(), raw))).hexdigest()
        attempt_id, seed, now = hashlib.sha256(key.encode()).hexdigest(), body(new_id("ses")), now_ms()
        doc: RepeatDoc = {
            "id": attempt_id,
            "request": said,
            "seed": seed,
            "started": now,
            "expires": now + KEPT_MS,
        }
        try:
            await self._all.insert(REPEATS, doc)
            return IdempotentCall(attempt_id, seed)
        except DuplicateKey:
            return await self._again(attempt_id, said, doc)

    async def _again(self, attempt_id: str, said: str, fresh: RepeatDoc) -> IdempotentCall:
        earlier = await self._all.get(REPEATS, attempt_id)
        if earlier is None or earlier["expires"] <= fresh["started"]:
            await self._all.delete(REPEATS, {"id": attempt_id})
            await self._all.insert(REPEATS, fresh)
            return IdempotentCall(attempt_id, fresh["seed"])
        if earlier["request"] != said:
            raise Invalid(
                "This Idempotency-Key has been used with another request: take a new key.",
                code="idempotency_mismatch",
            )
        if "answer" in earlier:
            return IdempotentCall(attempt_id, earlier["seed"], orjson.loads(earlier["answer"]))
        if earlier["started"] < fresh["started"] - TAKE_OVER_MS:
            expected = {"started": earlier["started"]}
            if await self._all.update(
                REPEATS, attempt_id, set={"started": fresh["started"]}, expect=expected
            ):
                return IdempotentCall(attempt_id, earlier["seed"])
        raise Conflict(
            "The first request with this Idempotency-Key is still running; ask again in a moment.",
            code="idempotency_in_progress",
            retry_after=1,
        )

    async def store_answer(
        self,
        attempt: IdempotentCall,
        data: Any,
        status: int,
        etag: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Called before the answer is sent, so that a repeat of an answered request always finds it."""
        answer = {"data": data, "status": status, "etag": etag, "headers": dict(headers or {})}
        await self._all.update(REPEATS, attempt.id, set={"answer": orjson.dumps(answer).decode()})

    async def release(self, attempt: IdempotentCall, nothing_done: bool) -> None:
        """Frees the key: for the corrected request, or, when the outcome is unknown, for the same one with
        the same seed."""
        if nothing_done:
            await self._all.delete(REPEATS, {"id": attempt.id})
        else:
            await self._all.update(REPEATS, attempt.id, set={"started": 0})

    async def forget_expired(self) -> None:
        """Periodic."""
        await self._all.delete(REPEATS, {"expires": Between(below=now_ms())})
