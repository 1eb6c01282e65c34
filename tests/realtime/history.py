"""The history checker of chat: what must hold between what was sent, what was acknowledged and what each
client saw."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise


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
        self.events.append(
            (str(envelope["epoch"]), int(str(envelope["seq"])), str(envelope.get("cid", envelope["id"])))
        )


def faults(sent: Iterable[Sent], everyone: Iterable[Seen]) -> list[str]:
    """Every breach among clients that followed the channel from start to end, as sentences; empty when all is
    well.

    lost: acked, not seen. phantom: seen, never sent. duplicate: shown twice. order: a smaller seq after a
    larger one, or a message under another seq than its ack's. hole: two clients saw different histories.
    """
    sent, everyone = list(sent), list(everyone)
    acked = {one.cid: one.seq for one in sent if one.seq is not None}
    known = {one.cid for one in sent}
    found = [fault for seen in everyone for fault in _alone(seen, acked, known)]
    different = [seen for seen in everyone[1:] if seen.events != everyone[0].events]
    found += [f"hole: {seen.name} and {everyone[0].name} saw different histories" for seen in different]
    return found


def _alone(seen: Seen, acked: Mapping[str, int], known: set[str]) -> Iterator[str]:
    times = Counter(cid for _, _, cid in seen.events)
    yield from (f"lost: {cid} was not shown to {seen.name}" for cid in acked if cid not in times)
    yield from (f"phantom: {cid} was shown to {seen.name}" for cid in times if cid not in known)
    yield from (
        f"duplicate: {cid} was shown {count} times to {seen.name}"
        for cid, count in times.items()
        if count > 1
    )
    for (epoch, seq, _), (later_epoch, later_seq, cid) in pairwise(seen.events):
        if later_epoch == epoch and later_seq <= seq:
            yield f"order: {cid} ({later_seq}) came after {seq} at {seen.name}"
    for _, seq, cid in seen.events:
        if acked.get(cid, seq) != seq:
            yield f"order: {cid} was acked as {acked[cid]} and shown as {seq} to {seen.name}"
