"""Who owns an app: its own document lists them, so that of two owners who leave at once one is refused.

The list and an owner's membership are two documents. The process that changes both locks the app's owners:
`ownership` is odd while they are locked, and every write of the list expects its value. The lock of a process
that dies expires after HOLD_MS; the list may then lack an owner. It names an account that is none only when a
process stalls for longer than that between its two writes.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from weir.foundation.clock import monotonic, now_ms
from weir.foundation.documents import Handle
from weir.foundation.errors import Conflict, NotFound, Unavailable
from weir.foundation.tenancy.collections import APPS

HOLD_MS = 5_000
WAIT_S = HOLD_MS / 1000 + 2
TRY_S = 0.04


class Owners:
    """The owners of one app while they are locked. Errors of both verbs: Unavailable after HOLD_MS."""

    def __init__(self, handle: Handle, app_id: str, names: list[str], turn: int) -> None:
        self._all = handle
        self._app = app_id
        self.names = names
        self.turn = turn

    async def add(self, account: str) -> None:
        """Called after the membership was written."""
        if account not in self.names:
            await self._write([*self.names, account])

    async def remove(self, account: str) -> None:
        """Called before the membership is changed. Errors: Conflict for the last owner."""
        left = [one for one in self.names if one != account]
        if not left:
            raise Conflict(
                "An app needs an owner: make another member one first, or delete the app.", code="last_owner"
            )
        if left != self.names:
            await self._write(left)

    async def _write(self, names: list[str]) -> None:
        done = await self._all.update(APPS, self._app, set={"owners": names}, expect={"ownership": self.turn})
        if done is None:
            raise Unavailable("This took too long; try again.", retry_after=1)
        self.names = names


@asynccontextmanager
async def owners_of(handle: Handle, app_id: str) -> AsyncIterator[Owners]:
    """Locks an app's owners: no other request changes them meanwhile. `handle` is the operator's. Errors:
    NotFound, Unavailable."""
    until = monotonic() + WAIT_S  # longer than the lock of a process that died
    while True:
        app = await handle.get(APPS, app_id)
        if app is None:
            raise NotFound("There is no such app.")
        turn = app.get("ownership")
        now = now_ms()
        if (turn or 0) % 2 == 0 or app.get("owners_held", 0) < now:
            held = (turn or 0) + (1 if (turn or 0) % 2 == 0 else 2)
            taken = await handle.update(
                APPS,
                app_id,
                set={"ownership": held, "owners_held": now + HOLD_MS},
                expect={"ownership": turn},
            )
            if taken is not None:
                break
        if monotonic() > until:
            raise Unavailable("The members of this app change too fast; try again.", retry_after=1)
        await asyncio.sleep(random.uniform(0, TRY_S))
    try:
        yield Owners(handle, app_id, list(taken.get("owners", [])), held)
    finally:
        await handle.update(
            APPS, app_id, set={"ownership": held + 1, "owners_held": 0}, expect={"ownership": held}
        )
