"""The newest log lines of the embedded stack's parts, as `weir logs` shows them."""

import json
from collections import deque
from collections.abc import Iterator
from pathlib import Path

ROOMS = ("control", "realtime", "media")


class NoLogs(Exception):
    """There are no log lines to show; the message says which parts have some."""


def newest(folder: Path, count: int, part: str | None, room: str | None) -> Iterator[tuple[str, list[str]]]:
    """(part, its newest lines, oldest first). Only the application's log knows rooms. Errors: NoLogs."""
    parts = sorted(path.stem for path in folder.glob("*.log"))
    if not parts:
        raise NoLogs(f"There are no logs in {folder}; has Weir run on this data folder?")
    if room is not None and room not in ROOMS:
        raise NoLogs(f"There is no room {room}; choose {', '.join(ROOMS)}.")
    wanted = "app" if room is not None else part
    if wanted is not None and wanted not in parts:
        raise NoLogs(f"There is no log of {wanted}; there are {', '.join(parts)}.")
    for one in parts if wanted is None else [wanted]:
        yield (
            one,
            list(
                deque(
                    (line for line in _lines(folder, one) if room is None or room_of(line) == room),
                    maxlen=count,
                )
            ),
        )


def _lines(folder: Path, part: str) -> Iterator[str]:
    """The last lines, of the rotated file first: right after a rotation the new file is almost empty."""
    for path in (folder / f"{part}.log.1", folder / f"{part}.log"):
        try:
            with path.open(errors="replace") as file:
                yield from (line.rstrip("\n") for line in file)
        except FileNotFoundError:
            continue


def room_of(line: str) -> str | None:
    """The room that wrote a log line of the application, by its logger; None for what belongs to no room or
    is no JSON."""
    try:
        logger = str(json.loads(line).get("logger", ""))
    except (ValueError, AttributeError):
        return None
    return logger.partition(".")[0]
