"""What an encoder sends, as the ingest knows it. [hands]"""

import asyncio
import contextlib
import json
from typing import Any

from media import graph
from media.ladder import Source
from media.process import ask
from weir.foundation.clock import monotonic
from weir.foundation.errors import Unavailable
from weir.foundation.http import Ingest, Published
from weir.foundation.settings import Settings
from weir.foundation.tickets import PlayTickets

MEASURED_WITHIN_S, SOUND_WITHIN_S, POLL_S = 5.0, 0.4, 0.05
PROBE_S = 6.0


class Unusable(Exception):
    """What the encoder sends can't be shown; the message says why."""


class Intake:
    """One publish, by its public name."""

    def __init__(self, settings: Settings, ingest: Ingest, tickets: PlayTickets, playback: str) -> None:
        self._from = f"{settings.pull_url}/{playback}"
        self._ingest, self._tickets, self._playback = ingest, tickets, playback

    async def url(self) -> str:
        """Where it is pulled from, once and within half a minute. Errors: Unavailable."""
        return f"{self._from}?ticket={await self._tickets.issue(self._playback)}"

    async def published(self, not_older_s: float = 0.0) -> Published | None:
        """None when nobody publishes, or the ingest does not answer."""
        try:
            return (await self._ingest.published(not_older_s)).get(self._playback)
        except Unavailable:
            return None

    async def source(self, appears_within_s: float) -> Source | None:
        """By nginx's statistics (known .1–.3 s after the first bytes), else by ffprobe; None when nobody publishes.
        Errors: Unusable."""
        began, measured_at = monotonic(), None
        while True:
            published = await self.published()
            waited = monotonic() - began
            if published is None and waited >= appears_within_s:
                return None
            if published is not None and published.width:
                measured_at = measured_at or monotonic()
                if published.audio_codec or monotonic() - measured_at >= SOUND_WITHIN_S:
                    return Source(published.width, published.height, published.frame_rate, bool(published.audio_codec))
            elif published is not None and waited >= MEASURED_WITHIN_S:
                with contextlib.suppress(Unavailable):
                    return await self._probed()
            await asyncio.sleep(POLL_S)

    async def _probed(self) -> Source:
        said = await ask(graph.probe(await self.url()), PROBE_S)
        streams: list[dict[str, Any]] = json.loads(said).get("streams", []) if said else []
        video = next((one for one in streams if one.get("codec_type") == "video" and one.get("width")), None)
        if video is None:
            raise Unusable("The encoder sends no picture that can be read. Weir takes H.264 over RTMP; choose it instead of HEVC or AV1.")
        rate = [float(number) for number in str(video.get("avg_frame_rate", "0/1")).split("/")]
        audio = any(one.get("codec_type") == "audio" for one in streams)
        return Source(int(video["width"]), int(video["height"]), rate[0] / (rate[-1] or 1), audio)
