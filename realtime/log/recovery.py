"""What a returning client has missed. [work]"""

from realtime.log.channel_log import ChannelLog, PositionLost
from realtime.log.follower import Followed, Follower
from realtime.protocol.envelope import Entry, page


class Recovery:
    """Errors: Unavailable."""

    def __init__(self, entries: ChannelLog, follower: Follower) -> None:
        self._log = entries
        self._follower = follower

    async def missed_entries(
        self, followed: Followed, epoch: str | None, seq: int | None
    ) -> tuple[list[Entry], bool] | None:
        """The next page after the client's position, and whether more follow; None when the position cannot
        be continued."""
        if epoch is None or seq is None:
            return None
        if epoch == followed.epoch and seq > followed.last:
            await self._follower.catch_up(followed)  # the client was on a node that was ahead of this one
        held = followed.since(seq) if epoch == followed.epoch else None
        if held is None:
            answer = await self._log.after(followed.channel, epoch, seq)
            if isinstance(answer, PositionLost) or epoch != followed.epoch:
                return None
            read = [entry for entry in answer.entries if entry.seq <= followed.last]
            later = followed.since(read[-1].seq if read else seq)
            if later is None:
                return (read, True) if read else None
            held = read + later
        events = page(held)
        return events, len(events) < len(held)
