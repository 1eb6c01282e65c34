"""Pure decisions of the control room: what a stream key says, and every transition a stream can make.

A stream's state machine. `interrupted` also covers an encoder that is back but does not play yet.

    idle ──publish──▶ starting ──playable──▶ live
     ▲                   │  ▲                 │  ▲
     │                 gone publish         gone playable
     │                   ▼  │                 ▼  │
     └──grace over─── interrupted ◀───────────┘──┘

Rule 1: everything about transitions lives in this file. Rule 2: it knows no store, no clock and no bus; it
gets a stream document and the time, and returns what to set and which facts to publish.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from weir.foundation import events
from weir.foundation.events import Event, StreamEvent, type_of
from weir.foundation.ids import derived_id
from weir.foundation.tenancy.collections import StreamDoc

NEVER_SHOWN = (
    "The encoder left before a picture or sound could be shown. "
    "Check its video and audio settings and start again."
)
_KEY = re.compile(r"([0-9a-hjkmnp-tv-z]{26})_([0-9a-hjkmnp-tv-z]{26})_([0-9A-Za-z]{22,64})")


@dataclass(frozen=True)
class ParsedStreamKey:
    app: str
    stream: str
    secret: str


def parse_stream_key(text: str) -> ParsedStreamKey | None:
    """`<app>_<stream>_<secret>`, ids without prefix; surrounding blanks are ignored. None for anything else."""
    found = _KEY.fullmatch(text.strip())
    return ParsedStreamKey(f"app_{found[1]}", f"str_{found[2]}", found[3]) if found else None


@dataclass(frozen=True)
class Publisher:
    """A publisher: one run of the ingest nginx and its connection number. The name alone does not distinguish
    two of them."""

    boot: str
    client: str


@dataclass(frozen=True)
class Transition:
    """What to write if the document still has `expect`, and the facts to publish with it."""

    set: dict[str, Any]
    tell: Sequence[Event]
    expect: dict[str, Any]


def publisher_of(stream: StreamDoc) -> Publisher | None:
    ingest = stream.get("ingest")
    return Publisher(ingest["boot"], ingest["client"]) if ingest else None


def _change(
    stream: StreamDoc, now: int, set_: dict[str, Any], kinds: Sequence[type[StreamEvent]], **extra: Any
) -> Transition:
    after = {**stream, **set_, "transition": stream["transition"] + 1}
    told = [
        kind(
            id=derived_id("evt", stream["id"], after["transition"], type_of(kind)),
            at=now,
            app=stream["app"],
            stream=stream["id"],
            playback=stream["playback"],
            channel=stream["channel"],
            broadcast=after["broadcast"],
            generation=after["generation"],
            **extra,
        )
        for kind in kinds
    ]
    return Transition({**set_, "transition": after["transition"]}, told, {"transition": stream["transition"]})


def publish(stream: StreamDoc, publisher: Publisher, broadcast: str, now: int) -> Transition:
    """An encoder is admitted. `broadcast` is the id to use if a new one starts. A present publisher is
    replaced."""
    taken: dict[str, Any] = {
        "ingest": {"boot": publisher.boot, "client": publisher.client, "since": now},
        "trouble": None,
    }
    if stream["state"] == "idle":
        begin = {**taken, "state": "starting", "broadcast": broadcast, "generation": 1, "began": now}
        return _change(stream, now, begin, (events.StreamStarting, events.PublishStarted))
    again = {**taken, "generation": stream["generation"] + 1}
    if stream["state"] == "live":
        again |= {"state": "interrupted", "interrupted": now}
        return _change(stream, now, again, (events.StreamStalled, events.PublishStarted))
    return _change(stream, now, again, (events.PublishStarted,))


def publisher_left(stream: StreamDoc, now: int) -> Transition:
    """The present encoder disconnected: the grace starts."""
    left = {"ingest": None, "state": "interrupted", "interrupted": now}
    tell = (events.StreamStalled, events.PublishDone) if stream["state"] == "live" else (events.PublishDone,)
    return _change(stream, now, left, tell)


def playable(
    stream: StreamDoc, broadcast: str, generation: int, now: int, alone: bool = False
) -> Transition | None:
    """Media can show this generation, which may be sound `alone`; None when a newer one is known."""
    if (stream.get("broadcast"), stream.get("generation")) != (broadcast, generation) or stream.get(
        "ingest"
    ) is None:
        return None
    if stream["state"] == "starting" or (stream["state"] == "interrupted" and not stream.get("live_since")):
        return _change(
            stream,
            now,
            {"state": "live", "live_since": now, "sound_alone": alone, "trouble": None},
            (events.StreamLive,),
        )
    if stream["state"] == "interrupted":
        return _change(
            stream, now, {"state": "live", "sound_alone": alone, "trouble": None}, (events.StreamResumed,)
        )
    if stream.get("trouble"):
        return _change(stream, now, {"trouble": None}, ())
    return None


def grace_over(stream: StreamDoc, grace_ms: int, now: int) -> Transition | None:
    """Ends the broadcast when no encoder has returned; None while there is time or an encoder is there. One
    that never played says why, or it would look like a broadcast of no length."""
    if stream["state"] != "interrupted" or stream.get("ingest") or now < stream["interrupted"] + grace_ms:
        return None
    ended = {"state": "idle", "live_since": None, "ended": now}
    change = _change(stream, now, ended, (events.StreamOffline,), gone=stream["interrupted"])
    if stream.get("live_since") or stream.get("trouble"):
        return change
    error = _change(stream, now, ended, (events.StreamError,), reason=NEVER_SHOWN)
    return Transition({**change.set, "trouble": NEVER_SHOWN}, (*error.tell, *change.tell), change.expect)


def complete(stream: StreamDoc, now: int) -> Transition | None:
    """Ends the broadcast at its owner's request; None when there is none."""
    if stream["state"] == "idle":
        return None
    gone = (
        stream["interrupted"] if stream["state"] == "interrupted" and stream.get("ingest") is None else None
    )
    ended = {"state": "idle", "live_since": None, "ended": now, "ingest": None}
    return _change(stream, now, ended, (events.StreamOffline,), gone=gone)


def failed(
    stream: StreamDoc, broadcast: str, generation: int, reason: str, now: int, silent: bool = False
) -> Transition | None:
    """Media gave up on this generation, or it is `silent` so far; None when more is known: a newer generation,
    or a silent one that plays by now."""
    if (stream.get("broadcast"), stream.get("generation")) != (broadcast, generation):
        return None
    if silent and stream["state"] == "live":
        return None
    return _change(stream, now, {"trouble": reason}, (events.StreamError,), reason=reason)
