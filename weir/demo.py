"""`weir demo`: the embedded stack and a test pattern, published by FFmpeg over real RTMP with the real key."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from weir import up
from weir.foundation.child_process import tethered
from weir.foundation.clock import monotonic
from weir.foundation.ids import new_id
from weir.foundation.ingest_client import get_text
from weir.foundation.settings import Settings
from weir.foundation.tenancy.tokens import Tokens
from weir.foundation.vault import open_vault

PLAYABLE_WITHIN_S = 30.0
TOKEN_S = 12 * 3600
SEGMENT_S = 2


@dataclass
class Report:
    """Seconds: `ready_s` from start until the stack answers, `first_playable_s` from publish to the first
    playable part."""

    ready_s: float
    master_url: str
    watch_url: str
    rtmp_url: str
    stream_key: str
    channel: str
    user_token: str
    moderator_token: str
    first_playable_s: float | None = None
    errors: list[str] = field(default_factory=list)


class Encoder:
    """FFmpeg with a moving picture, a running clock and a tone, 720p at 30 frames. The stream key reaches it
    in a private file: arguments can be read by every user of the machine."""

    def __init__(self, settings: Settings, key: str) -> None:
        self._settings = settings
        self._key = key
        self._preset = settings.run / "demo.ffpreset"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        descriptor = os.open(self._preset, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"rtmp_playpath={self._key}\n")
        argv = [
            "ffmpeg",
            "-nostdin",
            "-v",
            "error",
            "-re",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=1280x720:rate=30",
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=440:beep_factor=2:sample_rate=48000",
            *_wall_clock(),
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-tune",
            "zerolatency",
            "-b:v",
            "2500k",
            "-maxrate",
            "2500k",
            "-bufsize",
            "1250k",
            "-g",
            "30",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
            "-b:a",
            "96k",
            "-fpre",
            str(self._preset),
            "-f",
            "flv",
            f"rtmp://{self._settings.ingest_host}:{self._settings.rtmp_port}/live",
        ]
        self._process = await asyncio.create_subprocess_exec(
            *tethered(argv),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )

    @property
    def ended(self) -> bool:
        return self._process is not None and self._process.returncode is not None

    async def stop(self) -> str:
        """Stops FFmpeg and returns its error output, empty when there was none."""
        if self._process is None:
            return ""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            _, told = await asyncio.wait_for(self._process.communicate(), 3)
        except TimeoutError:
            self._process.kill()
            _, told = await self._process.communicate()
        self._preset.unlink(missing_ok=True)
        return told.decode(errors="replace").replace(self._key, "[redacted]").strip()


def _wall_clock() -> list[str]:
    """FFmpeg's filter for a large clock over the pattern, which shows the delay; empty where no font is
    found: the pattern has a small clock of its own."""
    if not any(Path("/usr/share/fonts").glob("truetype/*/*.ttf")):
        return []
    look = "fontsize=72:fontcolor=white:box=1:boxcolor=black@0.6:boxborderw=24:x=(w-tw)/2:y=h*0.72"
    return ["-vf", rf"drawtext=font=Mono:text='%{{localtime\:%T}}':{look}"]


async def run(settings: Settings, stop: asyncio.Event, seconds: float | None, as_json: bool) -> int:
    """0 only if the stream played."""
    stack, ready_s = await up.start(settings)
    encoder: Encoder | None = None
    try:
        card = await up.application(settings).post(
            "/internal/card", {"app": "Demo app", "title": "Demo stream"}
        )
        report = _report(settings, card, ready_s)
        encoder = Encoder(settings, card["stream_key"])
        await encoder.start()
        began = monotonic()
        report.first_playable_s = await _first_playable(report.master_url, stop, encoder)
        if report.first_playable_s is None:
            report.errors.append(
                f"The stream was not playable within {PLAYABLE_WITHIN_S:.0f} s; see {settings.data}/logs."
            )
        elif not as_json:
            up.print_card(
                card,
                f"The demo stream is live (ready {ready_s:.1f} s, playable {report.first_playable_s:.1f} s)",
            )
        await _play_on(report, stop, seconds, began, encoder)
    finally:
        up.err.print("stopping …")
        told = await encoder.stop() if encoder else ""
        await stack.stop()
    if told and encoder is not None and report.errors:
        report.errors.append(told)
    for error in report.errors:
        up.err.print(f"[red]{error}[/]")
    if as_json:
        sys.stdout.write(json.dumps(vars(report)) + "\n")
    return 1 if report.errors else 0


def _report(settings: Settings, card: dict[str, Any], ready_s: float) -> Report:
    tokens = Tokens(open_vault(settings))
    playback = tokens.mint_playback(card["playback_id"], card["app"], new_id("ses"), TOKEN_S)

    def user(role: str) -> str:
        return tokens.mint_user(
            f"demo-{role}", card["app"], f"Demo {role}", TOKEN_S, roles={card["channel"]: role}
        )

    return Report(
        ready_s=round(ready_s, 3),
        master_url=f"{settings.base_url}/hls/{playback}/{card['playback_id']}/master.m3u8",
        watch_url=card["watch_url"],
        rtmp_url=card["rtmp_url"],
        stream_key=card["stream_key"],
        channel=card["channel"],
        user_token=user("member"),
        moderator_token=user("moderator"),
    )


async def _first_playable(master_url: str, stop: asyncio.Event, encoder: Encoder) -> float | None:
    """Seconds until a rendition's playlist names a part and that part is delivered."""
    began = monotonic()
    while monotonic() - began < PLAYABLE_WITHIN_S and not stop.is_set() and not encoder.ended:
        playlist, url = await _rendition(master_url)
        part = re.search(r'#EXT-X-PART:.*URI="([^"]+)"', playlist or "")
        if part and await get_text(urljoin(url, part[1])) is not None:
            return round(monotonic() - began, 3)
        await asyncio.sleep(0.05)
    return None


async def _rendition(master_url: str) -> tuple[str | None, str]:
    """(the first rendition's playlist, its URL)."""
    master = await get_text(master_url)
    names = [line for line in (master or "").splitlines() if line and not line.startswith("#")]
    if not names:
        return None, master_url
    url = urljoin(master_url, names[0])
    return await get_text(url), url


async def _play_on(
    report: Report, stop: asyncio.Event, seconds: float | None, began: float, encoder: Encoder
) -> None:
    """Waits for the end and returns whether the stream kept playing until then."""
    if report.errors:
        return
    first, since = await _newest_segment(report.master_url), monotonic()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(
            stop.wait(), None if seconds is None else max(0.0, began + seconds - monotonic())
        )
    made, played = await _newest_segment(report.master_url) - first, monotonic() - since
    if made * SEGMENT_S < played * 0.8 - 2 * SEGMENT_S:
        report.errors.append(f"Only {made} segments were made in {played:.0f} s.")
    if encoder.ended:
        report.errors.append("The test encoder ended before its time.")


async def _newest_segment(master_url: str) -> int:
    playlist = (await _rendition(master_url))[0] or ""
    first = re.search(r"#EXT-X-MEDIA-SEQUENCE:(\d+)", playlist)
    return (int(first[1]) if first else 0) + playlist.count("#EXTINF:")
