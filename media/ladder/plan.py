"""Which renditions a broadcast has now, and which of them the machine carries. [decision]

The plan is made before the first FFmpeg and kept over restarts, so that playlists keep one shape. It changes when the owner changes the
profile, when a copied rendition turns out to be unusable, and when the machine falls behind or recovers.
"""

from collections.abc import Callable
from dataclasses import replace

from media.ladder.admission import LadderDemand
from media.ladder.delivery_options import DeliveryOptions
from media.ladder.rules import SOUND_ALONE, BroadcastShape, Profile, Rendition, Source, choose_cadence, ladder

Admit = Callable[[LadderDemand], int | None]


class NoCapacity(Exception):
    """This machine carries not even the lowest rendition."""


class LadderPlan:
    """`dropped` highest renditions are left out now. `demand` is what all of them would take, None before
    there is a plan. `alone`: the source has no picture."""

    def __init__(self, delivery: DeliveryOptions, profile: Profile, preset: str) -> None:
        self.dropped = 0
        self.demand: LadderDemand | None = None
        self._delivery = delivery
        self._preset = preset
        self._wanted = profile
        self._profile = profile
        self._planned_for: Profile | None = None
        self._shape: BroadcastShape | None = None
        self.alone = False
        self._never_had = 0

    @property
    def pictures(self) -> tuple[Rendition, ...]:
        """All renditions with a picture, those left out too; empty before there is a plan."""
        return self._shape.pictured if self._shape is not None else ()

    @property
    def reduced(self) -> bool:
        """The machine carries fewer renditions than this broadcast has had."""
        return self.dropped > self._never_had

    def change_profile(self, profile: Profile) -> bool:
        """True when `profile` is another one than before: the next FFmpeg gets a new plan."""
        if profile == self._wanted:
            return False
        self._wanted = self._profile = profile
        self._shape = None
        self.dropped = 0
        return True

    def encode_all(self) -> None:
        """From the next FFmpeg on, no rendition is a copy of the source."""
        self._profile = replace(self._profile, copy_top=False)
        self._shape = None

    def next(
        self, source: Source, known: BroadcastShape | None, admit: Admit
    ) -> tuple[BroadcastShape, tuple[Rendition, ...]]:
        """The shape for the next FFmpeg, and the renditions that are left out from now on for want of capacity. `known` is the shape that
        the broadcast's playlists have already; `admit` says how many of the highest renditions a new ladder must leave out. A broadcast
        with playlists is never refused. Errors: NoCapacity."""
        if source.alone != self.alone:
            self._shape = None
        self.alone = source.alone
        left_out: tuple[Rendition, ...] = ()
        if self._shape is None or known is None:
            profile = SOUND_ALONE if source.alone else self._profile
            self._shape = self._whole(source, profile, known)
            left_out = self._admitted(
                source, known is not None, self._planned_for not in (None, profile), admit
            )
            self._planned_for = profile
        return replace(self._shape, renditions=self._shape.renditions[self.dropped :]), left_out

    def _whole(self, source: Source, profile: Profile, known: BroadcastShape | None) -> BroadcastShape:
        if known is not None:
            return BroadcastShape(ladder(source, profile, known.cadence), known.cadence, known.rotation)
        rhythm = choose_cadence(source, profile, self._delivery.part_s, self._delivery.segment_s)
        return BroadcastShape(ladder(source, profile, rhythm), rhythm, self._delivery.rotation)

    def _admitted(self, source: Source, on_air: bool, changed: bool, admit: Admit) -> tuple[Rendition, ...]:
        assert self._shape is not None
        demand = LadderDemand(source, self._shape.renditions, float(self._shape.cadence.rate), self._preset)
        dropped = self.dropped if on_air and not changed else admit(demand)
        if dropped is None and on_air:
            dropped = len(self.pictures) - 1
        if dropped is None:
            self._shape = None
            raise NoCapacity
        left_out = self.pictures[self.dropped : dropped]
        self.demand = demand
        self.dropped = self._never_had = dropped
        return left_out

    def drop(self) -> Rendition:
        """Leaves out the highest rendition that there is now; returns it."""
        self.dropped += 1
        return self.pictures[self.dropped - 1]

    def restore(self) -> Rendition:
        """Takes back the rendition that was left out last; returns it."""
        self.dropped -= 1
        self._never_had = min(self._never_had, self.dropped)
        return self.pictures[self.dropped]

    def may_restore(self, admit: Admit) -> bool:
        """False when the other streams of this machine need what one more rendition would take."""
        if not self.dropped or self.demand is None:
            return True
        dropped = admit(self.demand)
        return dropped is not None and dropped < self.dropped

    def refuse(self) -> None:
        """Nothing is made of this publish: the machine is asked for nothing."""
        self.demand = None
