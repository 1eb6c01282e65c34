"""The history checker of chat: what must hold between what was sent, what was acknowledged and what each client saw."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass
class Sent:
    """One `chat.send`: `seq` is None while unanswered or refused, which means "unknown"."""

    cid: str
    seq: int | None = None


@dataclass
class Seen:
    """What one client was shown of one channel, in the order it was shown: (epoch, seq, cid)."""

    name: str
    events: list[tuple[str, int, str]] = field(default_factory=list)

    def take(self, envelope: Mapping[str, object]) -> None:
        self.events.append((str(envelope["epoch"]), int(str(envelope["seq"])), str(envelope.get("cid", envelope["id"]))))


def faults(sent: Iterable[Sent], everyone: Iterable[Seen]) -> list[str]:
    """Every breach among clients that saw the channel from its start to its end, as sentences; empty when all is well.

    lost: acked, not seen. phantom: seen, never sent. duplicate: shown twice. order: a smaller seq after a larger one, or a
    message under another seq than its ack's. hole: one client saw what another, in between, did not.
    """
    sent, everyone = list(sent), list(everyone)
    acked = {one.cid: one.seq for one in sent if one.seq is not None}
    known = {one.cid for one in sent}
    found: list[str] = []
    for seen in everyone:
        cids = [cid for _, _, cid in seen.events]
        found += [f"lost: {cid} was not shown to {seen.name}" for cid in acked.keys() - set(cids)]
        found += [f"phantom: {cid} was shown to {seen.name}" for cid in set(cids) - known]
        found += [f"duplicate: {cid} was shown twice to {seen.name}" for cid in {cid for cid in cids if cids.count(cid) > 1}] if len(cids) != len(set(cids)) else []
        positions = [(epoch, seq) for epoch, seq, _ in seen.events]
        found += [f"order: {later} after {earlier} at {seen.name}" for earlier, later in zip(positions, positions[1:], strict=False) if earlier[0] == later[0] and later[1] <= earlier[1]]
        found += [f"order: {cid} acked as {acked[cid]}, shown as {seq} to {seen.name}" for _, seq, cid in seen.events if acked.get(cid, seq) != seq]
    for seen in everyone[1:]:
        if seen.events != everyone[0].events:
            found.append(f"hole: {seen.name} and {everyone[0].name} saw different histories")
    return found
