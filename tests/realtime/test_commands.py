"""The grammar of moderation: what is understood, and what is answered with a usage line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.commands import FORMS, Command, help_text, parse, usage
from weir.foundation.errors import Invalid

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Z")), min_size=1, max_size=20)
USERS = WORDS.filter(lambda word: '"' not in word and word.strip("@") and not word.startswith("@") and word == word.strip())
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/ban bob", Command("ban", "bob")),
        ("/BAN  @bob   spam and  lies ", Command("ban", "bob", text="spam and  lies")),
        ('/ban @"Ann Lee" rude', Command("ban", "Ann Lee", text="rude")),
        ("unban bob", Command("unban", "bob")),
        ("/timeout bob", Command("timeout", "bob", 600)),
        ("/timeout bob 30s", Command("timeout", "bob", 30)),
        ("/timeout bob 2h be nice", Command("timeout", "bob", 7200, "be nice")),
        ("/timeout bob be nice", Command("timeout", "bob", 600, "be nice")),
        ("/timeout bob 7d", Command("timeout", "bob", 604_800)),
        ("/warn bob language", Command("warn", "bob", text="language")),
        ("/clear", Command("clear")),
        ("/clear bob", Command("clear", "bob")),
        ("/slow", Command("slow", seconds=30)),
        ("/slow 10m", Command("slow", seconds=600)),
        ("/slowoff", Command("slowoff")),
        ("/announce we are live", Command("announce", text="we are live")),
        ("/me waves", Command("me", text="waves")),
        ("/undo", Command("undo")),
        ("/undo act_1", Command("undo", "act_1")),
        ("/help", Command("help")),
        ("/help /ban", Command("help", "/ban")),
    ],
)
def test_commands_are_understood(text, command):
    """Users with or without @ or in quotes, durations with a unit, reasons as written."""
    assert parse(text) == command


@pytest.mark.parametrize(
    "text",
    ["/ban", "/ban @", "/warn bob", "/timeout bob 0s", "/timeout bob 999999999d", "/slow 7h", "/slow soon", "/unban bob now", "/delete",
     "/clear bob now", "/subscribers please", "/announce", "/me", "/pin", f"/ban bob {'x' * 501}", "/undo a b"],
)  # fmt: skip
def test_wrong_usage_is_answered_with_the_usage_line(text):
    """The refusal says how the command is written."""
    with pytest.raises(Invalid) as caught:
        parse(text)
    assert caught.value.detail == f"Usage: {usage(text.split()[0][1:])}"


@pytest.mark.parametrize("text", ["/", "//", "/nope", ""])
def test_unknown_commands_point_to_help(text):
    """Nothing is guessed."""
    with pytest.raises(Invalid, match="/help"):
        parse(text)


def test_help_tells_every_usage():
    """All commands, or one; an unknown one is refused."""
    assert all(usage(name) in help_text("") for name in FORMS)
    assert help_text("timeout") == "/timeout USER [10m] [reason] – takes the right to write for a while."
    with pytest.raises(Invalid):
        help_text("nope")


@given(USERS, st.integers(1, 300), st.sampled_from("smhd"), st.lists(WORDS, max_size=5))
def test_a_timeout_is_taken_apart_as_it_was_put_together(user, number, unit, words):
    """User, duration and reason come back whatever they are."""
    reason = " ".join(words)
    assert parse(f"/timeout @{user} {number}{unit} {reason}") == Command("timeout", user, number * UNITS[unit], reason.strip())


@given(st.text(max_size=200) | st.builds(lambda name, rest: f"/{name} {rest}", st.sampled_from(sorted(FORMS)), st.text(max_size=100)))
def test_whatever_is_typed_is_understood_or_refused(text):
    """No text brings anything but a command with all it needs, or Invalid."""
    try:
        command = parse(text)
    except Invalid:
        return
    form = FORMS[command.name]
    assert bool(command.subject.strip()) or form.parts[:1] in ((), ("duration?",), ("text",), ("user?",), ("action?",), ("command?",))
    assert command.text or "text" not in form.parts
    assert (command.seconds is not None) == ("duration?" in form.parts)
