"""The grammar of moderation: one parser for what is typed, sent by REST and sent by socket. [decision]

A command is a word behind a slash and its arguments. USER is a name or id, with or without @, in quotes when it has
blanks; durations are 30s 10m 2h 7d. What can't be understood is answered with the command's usage line.
"""

import re
from dataclasses import dataclass
from typing import Literal

from realtime.judge import Role
from weir.foundation.errors import Invalid

Part = Literal["user", "user?", "duration?", "text", "text?", "message", "action?", "command?"]
TIMEOUT_S = 600
SLOW_S = 30
LONGEST_TIMEOUT_S = 366 * 86_400
LONGEST_SLOW_S = 6 * 3_600
LONGEST_REASON = 500
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
_WORD = re.compile(r'(@?"([^"]+)"|\S+)\s*')


@dataclass(frozen=True, slots=True)
class Form:
    """How a command is written, the least role that may use it, and what it does in a few words."""

    usage: str
    parts: tuple[Part, ...]
    role: Role
    about: str


FORMS: dict[str, Form] = {
    "ban": Form("USER [reason]", ("user", "text?"), "moderator", "shuts somebody out and hides what they wrote"),
    "unban": Form("USER", ("user",), "moderator", "lets somebody in again"),
    "timeout": Form("USER [10m] [reason]", ("user", "duration?", "text?"), "moderator", "takes the right to write for a while"),
    "untimeout": Form("USER", ("user",), "moderator", "ends a timeout"),
    "mute": Form("USER", ("user",), "moderator", "a timeout without end"),
    "unmute": Form("USER", ("user",), "moderator", "ends a mute"),
    "warn": Form("USER reason", ("user", "text"), "moderator", "warns somebody"),
    "delete": Form("MSG", ("message",), "moderator", "removes a message"),
    "clear": Form("[USER]", ("user?",), "moderator", "removes all messages, or somebody's"),
    "slow": Form("[30s]", ("duration?",), "moderator", "sets the time between two messages of one user"),
    "slowoff": Form("", (), "moderator", "ends slow mode"),
    "subscribers": Form("", (), "moderator", "lets only subscribers write"),
    "subscribersoff": Form("", (), "moderator", "ends subscribers only"),
    "followers": Form("", (), "moderator", "lets only followers write"),
    "followersoff": Form("", (), "moderator", "ends followers only"),
    "emoteonly": Form("", (), "moderator", "lets messages consist of emotes only"),
    "emoteonlyoff": Form("", (), "moderator", "ends emotes only"),
    "lockdown": Form("", (), "moderator", "lets only moderators and VIPs write"),
    "lockdownoff": Form("", (), "moderator", "ends a lockdown"),
    "shadowban": Form("USER", ("user",), "moderator", "hides somebody's messages from all but them and moderators"),
    "unshadowban": Form("USER", ("user",), "moderator", "ends a shadow ban"),
    "mod": Form("USER", ("user",), "owner", "makes somebody a moderator"),
    "unmod": Form("USER", ("user",), "owner", "takes a moderator's role"),
    "mods": Form("", (), "guest", "lists the moderators"),
    "vip": Form("USER", ("user",), "moderator", "makes somebody a VIP"),
    "unvip": Form("USER", ("user",), "moderator", "takes a VIP's role"),
    "pin": Form("MSG", ("message",), "moderator", "pins a message"),
    "unpin": Form("", (), "moderator", "takes the pin away"),
    "announce": Form("text", ("text",), "moderator", "writes a message that stands out"),
    "user": Form("USER", ("user",), "moderator", "tells about somebody"),
    "me": Form("text", ("text",), "guest", "says what you do"),
    "undo": Form("[ACTION]", ("action?",), "moderator", "takes back an action, or your last one"),
    "help": Form("[command]", ("command?",), "guest", "tells about the commands"),
}


@dataclass(frozen=True, slots=True)
class Command:
    """One understood command. `subject` is the USER, MSG, ACTION or command it is about; `text` a reason or what is said."""

    name: str
    subject: str = ""
    seconds: int | None = None
    text: str = ""

    @property
    def role(self) -> Role:
        return FORMS[self.name].role


def usage(name: str) -> str:
    return f"/{name} {FORMS[name].usage}".rstrip()


def help_text(name: str) -> str:
    """The usage line of one command, or of all. Errors: Invalid for a command that does not exist."""
    if not name:
        return " · ".join(usage(one) for one in FORMS)
    known = name.removeprefix("/").lower()
    if known not in FORMS:
        raise _unknown(known)
    return f"{usage(known)} – {FORMS[known].about}."


def parse(text: str) -> Command:
    """The command in `text`, with its slash or without. Errors: Invalid with the usage line."""
    word, _, rest = text.strip().removeprefix("/").partition(" ")
    name = word.lower()
    if name not in FORMS:
        raise _unknown(name)
    subject, seconds, said = "", None, ""
    rest = rest.strip()
    for part in FORMS[name].parts:
        if part in ("text", "text?"):
            said, rest = rest, ""
            if part == "text" and not said:
                raise _wrong(name)
        elif part == "duration?":
            seconds, rest = _duration(name, rest)
        else:
            subject, rest = _word(name, part, rest)
    if rest or (name not in ("announce", "me") and len(said) > LONGEST_REASON):
        raise _wrong(name)
    return Command(name, subject, seconds, said)


def _word(name: str, part: Part, rest: str) -> tuple[str, str]:
    found = _WORD.match(rest)
    if found is None:
        if part.endswith("?"):
            return "", ""
        raise _wrong(name)
    word = found[2] or found[1]
    if part.startswith("user"):
        word = word.removeprefix("@")
    if not word.strip():
        raise _wrong(name)
    return word, rest[found.end() :]


def _duration(name: str, rest: str) -> tuple[int, str]:
    """Seconds, or the command's default where no duration stands; a timeout's reason may follow."""
    default, longest = (SLOW_S, LONGEST_SLOW_S) if name == "slow" else (TIMEOUT_S, LONGEST_TIMEOUT_S)
    word, _, behind = rest.partition(" ")
    found = _DURATION.fullmatch(word)
    if found is None:
        return default, rest
    seconds = int(found[1]) * _UNITS[found[2]]
    if not 1 <= seconds <= longest:
        raise _wrong(name)
    return seconds, behind.strip()


def _wrong(name: str) -> Invalid:
    return Invalid(f"Usage: {usage(name)}")


def _unknown(name: str) -> Invalid:
    return Invalid(f"There is no command /{name[:32]}; /help lists them all.")
