"""The grammar of moderation: what is understood, and what is answered with a usage line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.rules.commands import (
    FORMS,
    Command,
    Interpretation,
    format_duration,
    help_text,
    interpretations,
    parse,
    usage,
)
from weir.foundation.errors import Invalid

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Z")), min_size=1, max_size=20)
USERS = WORDS.filter(
    lambda word: '"' not in word and word.strip("@") and not word.startswith("@") and word == word.strip()
)
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


NAMING = [name for name, form in FORMS.items() if form.parts[:1] in (("user",), ("user?",))]


def read_as(text: str, name: str) -> Command | None:
    """What a command says about the person of this name."""
    found = [reading.command for reading in interpretations(parse(text)) if name in reading.names]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("text", "name", "command"),
    [
        ("/ban bob", "bob", Command("ban")),
        ("/BAN  @bob   spam and  lies ", "bob", Command("ban", text="spam and  lies")),
        ("/ban Guest 5131 spam", "Guest 5131", Command("ban", text="spam")),
        ("/ban Guest 5131 spam", "Guest", Command("ban", text="5131 spam")),
        ('/ban @"Ann Lee" rude', "Ann Lee", Command("ban", text="rude")),
        ('/ban "Ann Lee" rude', "Ann Lee", Command("ban", text="rude")),
        ('/ban bob "being rude"', "bob", Command("ban", text="being rude")),
        ('/ban bob said "no" and "no"', "bob", Command("ban", text='said "no" and "no"')),
        ("unban bob", "bob", Command("unban")),
        ("/unban Ann Lee", "Ann Lee", Command("unban")),
        ("/unban bob now", "bob", None),
        ("/timeout bob", "bob", Command("timeout", seconds=600)),
        ("/timeout bob 30s", "bob", Command("timeout", seconds=30)),
        ("/timeout bob 2h be nice", "bob", Command("timeout", seconds=7200, text="be nice")),
        ("/timeout Ann Lee 2h be nice", "Ann Lee", Command("timeout", seconds=7200, text="be nice")),
        ("/timeout bob be nice", "bob", Command("timeout", seconds=600, text="be nice")),
        ("/timeout bob 7d", "bob", Command("timeout", seconds=604_800)),
        ("/timeout bob 0s", "bob", None),
        ("/timeout bob 999999999d", "bob", None),
        ("/warn bob language", "bob", Command("warn", text="language")),
        ("/warn Ann Lee", "Ann Lee", None),
        ("/clear bob", "bob", Command("clear")),
    ],
)
def test_commands_about_people_are_understood(text, name, command):
    """Names with blanks, with or without @ or quotes, durations with a unit, reasons as written and without
    quotes around them."""
    assert read_as(text, name) == command


@pytest.mark.parametrize("text", ["/ban @id:usr_1 spam", '/ban @id:"usr_1" spam'])
def test_an_id_is_only_an_id(text):
    """Whatever other names exist."""
    assert interpretations(parse(text)) == [
        Interpretation(("usr_1",), True, Command("ban", text="spam"), "spam")
    ]


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/clear", Command("clear")),
        ("/slow", Command("slow", seconds=30)),
        ("/slow 10m", Command("slow", seconds=600)),
        ("/slowoff", Command("slowoff")),
        ("/announce we are live", Command("announce", text="we are live")),
        ('/announce "we are live"', Command("announce", text='"we are live"')),
        ("/me waves", Command("me", text="waves")),
        ("/undo", Command("undo")),
        ("/undo act_1", Command("undo", "act_1")),
        ("/help", Command("help")),
        ("/help /ban", Command("help", "/ban")),
    ],
)
def test_commands_are_understood(text, command):
    """Those that name no user."""
    assert parse(text) == command


@pytest.mark.parametrize(
    "text",
    ["/ban", "/ban @", "/warn bob", "/warn @id:bob", "/slow 7h", "/slow soon", "/delete",
     "/subscribers please", "/announce", "/me", "/pin", f"/ban bob {'x' * 501}", "/undo a b"],
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


def test_help_tells_what_one_may_use():
    """All commands of a role, or one; an unknown one is refused."""
    assert all(usage(name) in help_text("", "owner") for name in FORMS)
    assert help_text("", "member") == help_text("", "guest") == "/mods · /me text · /help [command]"
    assert "/mod USER" not in help_text("", "moderator").split(" · ")
    assert (
        help_text("timeout", "guest")
        == "/timeout USER [10m] [reason] – stops a user from writing for a while."
    )
    with pytest.raises(Invalid):
        help_text("nope", "owner")


NAMES = st.lists(USERS, min_size=1, max_size=4).map(" ".join).filter(lambda name: len(name) <= 80)


@given(NAMES, st.integers(1, 300), st.sampled_from("smhd"), st.lists(WORDS, max_size=5))
def test_a_timeout_is_taken_apart_as_it_was_put_together(name, number, unit, words):
    """User, duration and reason are parsed as they were given, with blanks in the name or quotes around
    it."""
    reason = " ".join(words)
    wanted = None if len(reason) > 1 and reason[0] == reason[-1] == '"' else reason.strip()
    for spelled in (name, f"@{name}", f'"{name}"'):
        assert wanted is None or read_as(f"/timeout {spelled} {number}{unit} {reason}", name) == Command(
            "timeout", seconds=number * UNITS[unit], text=wanted
        )


@given(st.sampled_from(NAMING), st.text(max_size=200))
def test_every_reading_is_of_what_was_typed(name, rest):
    """The longest name first, and none of nothing."""
    try:
        command = parse(f"/{name} {rest}")
    except Invalid:
        return
    for reading in interpretations(command) if command.who else []:
        assert all(one.strip("@").strip() and one in command.who for one in reading.names)


@given(
    st.text(max_size=200)
    | st.builds(lambda name, rest: f"/{name} {rest}", st.sampled_from(sorted(FORMS)), st.text(max_size=100))
)
def test_whatever_is_typed_is_understood_or_refused(text):
    """No text brings anything but a command with all it needs, or Invalid."""
    try:
        command = parse(text)
    except Invalid:
        return
    form = FORMS[command.name]
    if form.parts[:1] in (("user",), ("user?",)):
        assert command.who or form.parts[0] == "user?"
        return
    assert bool(command.subject.strip()) or form.parts[:1] in (
        (),
        ("duration?",),
        ("text",),
        ("action?",),
        ("command?",),
    )
    assert command.text or "text" not in form.parts
    assert (command.seconds is not None) == ("duration?" in form.parts)


def test_times_are_said_in_whole_units():
    """The largest one that fits."""
    assert [format_duration(seconds) for seconds in (1, 45, 60, 90, 600, 3600, 7200, 86_400, 604_800)] == [
        "1 second", "45 seconds", "1 minute", "90 seconds", "10 minutes", "1 hour", "2 hours", "1 day", "7 days",
    ]  # fmt: skip
