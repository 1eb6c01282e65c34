"""`weir logs`: the newest lines, of each part or of one room."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from weir import cli
from weir.log_reader import NoLogs, newest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "app.log.1").write_text(
        "".join(_line("control.streams.service" if n % 2 else "realtime.chat.service", n) for n in range(50))
    )
    (logs / "app.log").write_text(
        _line("control.hooks", 50)
        + _line("media", 51)
        + _line("app", 52)
        + "a library's own line\n"
        + "[1]\n"
    )
    (logs / "web.log").write_text("".join(f"line {n}\n" for n in range(9)))
    return logs


def _line(logger: str, number: int) -> str:
    return json.dumps({"logger": logger, "event": str(number)}) + "\n"


def events(lines: list[str]) -> list[int]:
    return [int(json.loads(line)["event"]) for line in lines]


def test_each_part_shows_its_newest(folder: Path) -> None:
    """Oldest of them first."""
    shown = dict(newest(folder, 3, None, None))
    assert shown["web"] == ["line 6", "line 7", "line 8"]
    assert (shown["app"][1:], set(shown)) == (["a library's own line", "[1]"], {"app", "web"})
    assert list(dict(newest(folder, 3, "web", None))) == ["web"]


def test_a_room_shows_its_own_lines_over_a_rotation(folder: Path) -> None:
    """By the logger's name; other rooms', the front door's and unreadable lines are left out."""
    assert [events(lines) for _, lines in newest(folder, 3, None, "control")] == [[47, 49, 50]]
    assert [events(lines) for _, lines in newest(folder, 100, None, "media")] == [[51]]
    assert [len(lines) for _, lines in newest(folder, 100, None, "realtime")] == [25]


def test_what_is_not_there_is_said(folder: Path, tmp_path: Path) -> None:
    """Which there are, in one sentence; no name leads out of the folder."""
    for part, room, word in (
        ("../secret", None, "app, web"),
        ("mongo", None, "app, web"),
        (None, "kitchen", "control, realtime, media"),
    ):
        with pytest.raises(NoLogs, match=word):
            list(newest(folder, 3, part, room))
    with pytest.raises(NoLogs, match="has Weir run"):
        list(newest(tmp_path / "nowhere", 3, None, None))


def test_the_command_prints_lines_as_they_are(folder: Path) -> None:
    """Without taking brackets for markup; a sentence and exit code 2 where there is nothing."""
    (folder / "web.log").write_text("[bold]GET /[/] 200\n")
    done = CliRunner().invoke(
        cli.app, ["logs", "--tail", "1", "--part", "web", "--data-dir", str(folder.parent)]
    )
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "[bold]GET /[/] 200")
    assert (
        CliRunner().invoke(cli.app, ["logs", "--room", "kitchen", "--data-dir", str(folder.parent)]).exit_code
        == 2
    )
