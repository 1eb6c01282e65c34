"""The grammar of moderation: one parser for what is typed, sent by REST and sent by socket. [decision]

A command is a word after a slash and its arguments. USER is a name or id, with or without @; where a name
with blanks ends is known only by who is there, so such a command has several readings. `@id:ID` is an id and
never a name. Durations are 30s 10m 2h 7d. What can't be understood is answered with the command's usage line.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal

from realtime.rules.permissions import RANK, Role
from weir.foundation.errors import Invalid

Part = Literal["user", "user?", "extent?", "duration?", "text", "text?", "message", "action?", "command?"]
EVERYWHERE, ID_ONLY = "everywhere", "idonly"
TIMEOUT_S = 600
SLOW_S = 30
LONGEST_TIMEOUT_S = 366 * 86_400
LONGEST_SLOW_S = 6 * 3_600
GUEST_WAIT_S = 600
LONGEST_GUEST_WAIT_S = 86_400
LONGEST_REASON = 500
LONGEST_NAMED = 130
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
_WORD = re.compile(r"\S+")
_QUOTED = re.compile(r'(@?)"([^"]*)"(?=\s|$)\s*')
_BY_ID = re.compile(r'@id:(?:"([^"]+)"|(\S+))\s*')


@dataclass(frozen=True, slots=True)
class CommandForm:
    """How a command is written, the least role that may use it, and what it does in a few words."""

    usage: str
    parts: tuple[Part, ...]
    role: Role
    about: str


FORMS: dict[str, CommandForm] = {
    "ban": CommandForm(
        "USER [everywhere] [idonly] [7d] [reason]",
        ("user", "extent?", "duration?", "text?"),
        "moderator",
        "bans a user and hides their messages; bans a guest's device and address too, unless `idonly`",
    ),
    "unban": CommandForm("USER [everywhere]", ("user", "extent?"), "moderator", "ends a ban"),
    "timeout": CommandForm(
        "USER [10m] [reason]",
        ("user", "duration?", "text?"),
        "moderator",
        "stops a user from writing for a while",
    ),
    "untimeout": CommandForm("USER", ("user",), "moderator", "ends a timeout"),
    "mute": CommandForm("USER [reason]", ("user", "text?"), "moderator", "a timeout without an end"),
    "unmute": CommandForm("USER", ("user",), "moderator", "ends a mute"),
    "warn": CommandForm("USER reason", ("user", "text"), "moderator", "warns a user"),
    "delete": CommandForm("MSG", ("message",), "moderator", "removes a message"),
    "clear": CommandForm("[USER]", ("user?",), "moderator", "removes all messages, or one user's"),
    "slow": CommandForm(
        "[30s]", ("duration?",), "moderator", "sets the time between two messages of one user"
    ),
    "slowoff": CommandForm("", (), "moderator", "ends slow mode"),
    "subscribers": CommandForm("", (), "moderator", "lets only subscribers write"),
    "subscribersoff": CommandForm("", (), "moderator", "ends subscribers-only mode"),
    "followers": CommandForm("", (), "moderator", "lets only followers write"),
    "followersoff": CommandForm("", (), "moderator", "ends followers-only mode"),
    "emoteonly": CommandForm("", (), "moderator", "allows only messages that consist of emotes"),
    "emoteonlyoff": CommandForm("", (), "moderator", "ends emote-only mode"),
    "guestwait": CommandForm(
        "[10m]", ("duration?",), "moderator", "lets new guests write only after a while"
    ),
    "guestwaitoff": CommandForm("", (), "moderator", "lets new guests write at once"),
    "guestsread": CommandForm("", (), "moderator", "lets guests only read"),
    "guestsreadoff": CommandForm("", (), "moderator", "lets guests write again"),
    "lockdown": CommandForm("", (), "moderator", "lets only moderators and VIPs write"),
    "lockdownoff": CommandForm("", (), "moderator", "ends a lockdown"),
    "shadowban": CommandForm(
        "USER", ("user",), "moderator", "shows a user's messages only to them and to moderators"
    ),
    "unshadowban": CommandForm("USER", ("user",), "moderator", "ends a shadow ban"),
    "mod": CommandForm("USER", ("user",), "owner", "makes a user a moderator"),
    "unmod": CommandForm("USER", ("user",), "owner", "removes the role of moderator"),
    "mods": CommandForm("", (), "guest", "lists the moderators"),
    "vip": CommandForm("USER", ("user",), "moderator", "makes a user a VIP"),
    "unvip": CommandForm("USER", ("user",), "moderator", "removes the role of VIP"),
    "pin": CommandForm("MSG", ("message",), "moderator", "pins a message"),
    "unpin": CommandForm("", (), "moderator", "unpins the message"),
    "announce": CommandForm("text", ("text",), "moderator", "writes a highlighted message"),
    "user": CommandForm("USER", ("user",), "moderator", "shows a user's id, role and restrictions"),
    "me": CommandForm("text", ("text",), "guest", "writes a message about what you are doing"),
    "undo": CommandForm("[ACTION]", ("action?",), "moderator", "undoes an action, by default your last one"),
    "help": CommandForm("[command]", ("command?",), "guest", "lists the commands, or explains one"),
}

DONE: dict[str, str] = {
    "ban": "{} is banned.", "unban": "{} is no longer banned.", "untimeout": "{} may write again.", "mute": "{} is muted.",
    "unmute": "{} may write again.", "warn": "{} was warned.", "delete": "The message is removed.", "clear": "The chat is cleared.",
    "slowoff": "Slow mode is off.", "subscribers": "Only subscribers may write now.", "subscribersoff": "Subscribers only is off.",
    "followers": "Only followers may write now.", "followersoff": "Followers only is off.", "emoteonly": "Only emotes may be sent now.",
    "emoteonlyoff": "Emotes only is off.", "guestwaitoff": "New guests may write at once.",
    "guestsread": "Guests may only read now.", "guestsreadoff": "Guests may write again.",
    "lockdown": "The chat is locked.", "lockdownoff": "The chat is open again.",
    "shadowban": "{} is shadow-banned.", "unshadowban": "{} is no longer shadow-banned.", "mod": "{} is a moderator now.",
    "unmod": "{} is no longer a moderator.", "vip": "{} is a VIP now.", "unvip": "{} is no longer a VIP.",
    "pin": "The message is pinned.", "unpin": "The message is unpinned.", "announce": "Announced.",
}  # fmt: skip
"""What is answered when a command was carried out, to the one who gave it."""


@dataclass(frozen=True, slots=True)
class Command:
    """One parsed command. `subject` is the MSG, ACTION or command it is about; `text` a reason or a message.
    `who` is what follows the name of a command about a USER: `interpretations` takes it apart, unless it
    is `exact`: an id. `extent`: how far a ban goes."""

    name: str
    subject: str = ""
    seconds: int | None = None
    text: str = ""
    who: str = ""
    exact: bool = False
    extent: frozenset[str] = frozenset()

    @property
    def role(self) -> Role:
        return FORMS[self.name].role


def about(
    name: str, uid: str, *, seconds: int | None = None, text: str = "", extent: frozenset[str] = frozenset()
) -> Command:
    """A command about the person with this id."""
    return Command(name, seconds=seconds, text=text, who=uid, exact=True, extent=extent)


def usage(name: str) -> str:
    return f"/{name} {FORMS[name].usage}".rstrip()


@dataclass(frozen=True, slots=True)
class Interpretation:
    """One way to read a command about a user: `names` are the spellings that may be meant, or ids where
    `by_id`. `command` is None where the rest makes no sense."""

    names: tuple[str, ...]
    by_id: bool
    command: Command | None
    rest: str


def help_text(name: str, role: Role) -> str:
    """The usage line of one command, or of all that this role may use. Errors: Invalid for a command that
    does not exist."""
    if not name:
        return " · ".join(one["usage"] for one in allowed(role))
    known = name.removeprefix("/").lower()
    if known not in FORMS:
        raise _unknown(known)
    return f"{usage(known)} – {FORMS[known].about}."


def allowed(role: Role) -> list[dict[str, str]]:
    """The commands that this role may use: name, usage line, and what it does."""
    return [
        {"name": one, "usage": usage(one), "about": form.about}
        for one, form in FORMS.items()
        if RANK[role] >= RANK[form.role]
    ]


def parse(text: str) -> Command:
    """The command in `text`, with its slash or without. Errors: Invalid with the usage line."""
    word, rest = _split(text.strip().removeprefix("/"))
    name = word.lower()
    if name not in FORMS:
        raise _unknown(name)
    parts = FORMS[name].parts
    if parts[:1] not in (("user",), ("user?",)):
        return _finish(name, parts, rest)
    if not rest and parts[0] == "user?":
        return Command(name)
    command = Command(name, who=rest)
    if not any(reading.command for reading in interpretations(command)):
        raise _wrong(name)
    return command


def interpretations(command: Command) -> list[Interpretation]:
    """The possible readings of a command about a user, the longest name first."""
    name, rest = command.name, command.who
    if command.exact:
        return [Interpretation((rest,), True, replace(command, who="", exact=False), "")]
    by_id, quoted = _BY_ID.match(rest), _QUOTED.match(rest)
    if by_id is not None:
        return [_history(name, (by_id[1] or by_id[2],), rest[by_id.end() :], by_id=True)]
    found: list[Interpretation] = []
    if quoted is not None and quoted[2].strip():
        literal = rest[: quoted.end()].strip()  # a name may have quotes in it
        names = dict.fromkeys((quoted[1] + quoted[2], quoted[2], literal))
        found.append(_history(name, tuple(names), rest[quoted.end() :]))
    ends = [one.end() for one in _WORD.finditer(rest[: LONGEST_NAMED + 1]) if one.end() <= LONGEST_NAMED]
    for end in reversed(ends):
        spelled = rest[:end]
        names = dict.fromkeys((spelled, spelled.removeprefix("@")))
        found.append(_history(name, tuple(one for one in names if one.strip("@")), rest[end:].strip()))
    return [one for one in found if one.names]


def _history(name: str, names: tuple[str, ...], rest: str, *, by_id: bool = False) -> Interpretation:
    try:
        return Interpretation(names, by_id, _finish(name, FORMS[name].parts[1:], rest), rest)
    except Invalid:
        return Interpretation(names, by_id, None, rest)


def _finish(name: str, parts: tuple[Part, ...], rest: str) -> Command:
    """A command from what follows its name, and the USER. Errors: Invalid."""
    subject, seconds, said, extent = "", None, "", frozenset[str]()
    for part in parts:
        if part in ("text", "text?"):
            said, rest = (rest if name in ("announce", "me") else _unquoted(rest)), ""
            if part == "text" and not said:
                raise _wrong(name)
        elif part == "extent?":
            extent, rest = _extent(name, rest)
        elif part == "duration?":
            seconds, rest = _duration(name, rest)
        else:
            subject, rest = _word(name, part, rest)
    if rest or (name not in ("announce", "me") and len(said) > LONGEST_REASON):
        raise _wrong(name)
    return Command(name, subject, seconds, said, extent=extent)


def _split(text: str) -> tuple[str, str]:
    """The first word, and what follows it."""
    word, *rest = text.split(maxsplit=1)[:2] or [""]
    return word, rest[0].strip() if rest else ""


def _unquoted(text: str) -> str:
    """A reason that is quoted as a whole, without its quotes."""
    inner = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
    return text if '"' in inner else inner.strip()


def _word(name: str, part: Part, rest: str) -> tuple[str, str]:
    word, behind = _split(rest)
    if not word and not part.endswith("?"):
        raise _wrong(name)
    return word, behind


def _extent(name: str, rest: str) -> tuple[frozenset[str], str]:
    """How far a ban goes, by the words before its duration and reason."""
    known, found = {EVERYWHERE, ID_ONLY} if name == "ban" else {EVERYWHERE}, set[str]()
    word, behind = _split(rest)
    while word.lower() in known - found:
        found.add(word.lower())
        rest = behind
        word, behind = _split(rest)
    return frozenset(found), rest


_LASTS: dict[str, tuple[int | None, int]] = {
    "slow": (SLOW_S, LONGEST_SLOW_S), "guestwait": (GUEST_WAIT_S, LONGEST_GUEST_WAIT_S), "ban": (None, LONGEST_TIMEOUT_S),
}  # fmt: skip


def _duration(name: str, rest: str) -> tuple[int | None, str]:
    """Seconds, or the command's default when no duration is given; a reason may follow."""
    default, longest = _LASTS.get(name, (TIMEOUT_S, LONGEST_TIMEOUT_S))
    word, behind = _split(rest)
    found = _DURATION.fullmatch(word)
    if found is None:
        return default, rest
    seconds = int(found[1]) * _UNITS[found[2]]
    if not 1 <= seconds <= longest:
        raise _wrong(name)
    return seconds, behind


def format_duration(seconds: int) -> str:
    """A time in its largest whole unit: "10 minutes"."""
    words = {"d": "day", "h": "hour", "m": "minute", "s": "second"}
    unit = next(one for one in words if seconds % _UNITS[one] == 0)
    count = seconds // _UNITS[unit]
    return f"{count} {words[unit]}{'' if count == 1 else 's'}"


def _wrong(name: str) -> Invalid:
    return Invalid(f"Usage: {usage(name)}")


def _unknown(name: str) -> Invalid:
    return Invalid(f"There is no command /{name[:32]}; /help lists them all.")
