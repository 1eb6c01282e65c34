"""What clients ask over a socket, how a request is checked, and how a refusal is answered. [decision]"""

from collections.abc import Iterable
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from realtime.protocol.envelope import PAGE_EVENTS
from weir.foundation.errors import Invalid, Refused, TooLarge
from weir.foundation.ids import is_id
from weir.foundation.texts import message_text

LONGEST_TEXT = 4096
LONGEST_CID = 36
DEEPEST = 16


def _channel(text: str) -> str:
    if not is_id("chn", text):
        raise ValueError("this is not a channel id")
    return text


def _message(text: str) -> str:
    if not is_id("msg", text):
        raise ValueError("this is not a message id")
    return text


Seq = Annotated[int, Field(ge=0, le=2**53)]
ChannelId = Annotated[str, AfterValidator(_channel)]
EventType = Annotated[str, Field(max_length=80, pattern=r"^(\*|[a-z][a-z0-9_]*(\.[a-z0-9_-]+)*(\.\*)?)$")]
MessageId = Annotated[str, AfterValidator(_message)]


class Ask(BaseModel):
    """Unknown fields are refused, so a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Request(Ask):
    """Names its channel."""

    channel: ChannelId


class Join(Request):
    epoch: str | None = Field(None, max_length=64)
    seq: Seq | None = None


class Leave(Request):
    pass


class Send(Request):
    cid: str = Field(min_length=1, max_length=LONGEST_CID)
    text: str
    reply_to: MessageId | None = None
    picture_time: Seq | None = None


class Order(Request):
    """A command by its own request."""

    text: str = Field(min_length=1, max_length=LONGEST_TEXT)


class Commands(Request):
    pass


class Delete(Request):
    id: MessageId


class Original(Request):
    """A message that was removed, as it was written."""

    id: MessageId


class OneMessage(Request):
    """A message that everybody here may read."""

    id: MessageId


class HeldList(Request):
    """Messages that wait for a moderator."""

    cursor: str | None = Field(None, max_length=200)
    limit: int = Field(50, ge=1, le=PAGE_EVENTS)


class HeldDecision(Request):
    id: MessageId
    approve: bool


class ActionList(Request):
    """What moderators did."""

    cursor: str | None = Field(None, max_length=200)
    limit: int = Field(50, ge=1, le=PAGE_EVENTS)


class Restrictions(Request):
    """Who is banned, muted, timed out or shadow-banned."""


class CardOf(Request):
    """`user` is an id."""

    user: str = Field(min_length=1, max_length=128)


class Typing(Request):
    pass


class React(Request):
    kind: str = Field(min_length=1, max_length=32, pattern=r"^[^\s\x00-\x1f]+$")


class PresenceList(Request):
    cursor: str | None = Field(None, max_length=20)


class History(Request):
    cursor: str | None = Field(None, max_length=100, validation_alias=AliasChoices("cursor", "before"))
    limit: int = Field(50, ge=1, le=PAGE_EVENTS)


class Unsubscribe(Ask):
    pass


class Subscribe(Ask):
    """`types` may end in `.*`; none means all. Of `stream`, `channel` and `place` only what is given is asked
    for."""

    types: list[EventType] = Field([], max_length=50)
    stream: str | None = Field(None, max_length=64)
    channel: str | None = Field(None, max_length=64)
    place: str | None = Field(None, max_length=64)
    epoch: str | None = Field(None, max_length=64)
    seq: Seq | None = None


R = TypeVar("R", bound=Ask)


def check(model: type[R], data: object) -> R:
    """The request in `data`. Errors: Invalid, which names the field; TooLarge for a text above 4 KB."""
    if not isinstance(data, dict):
        raise Invalid("A request is one JSON object.")
    if deeper_than(data, DEEPEST):
        raise Invalid(f"A request may be nested {DEEPEST} deep.")
    try:
        request = model.model_validate(data)
    except ValidationError as error:
        raise _invalid(error) from None
    if isinstance(request, Send | Order):
        text = checked_text(request.text)
        if text != request.text:
            return model.model_validate({**data, "text": text})
    return request


def _invalid(error: ValidationError) -> Invalid:
    fields = [
        {"field": ".".join(map(str, one["loc"])), "message": one["msg"].removeprefix("Value error, ")}
        for one in error.errors()
    ]
    for one in fields:
        one["field"] = one["field"].encode(errors="replace").decode()  # half a character can't be answered
    return Invalid(f"{fields[0]['field']}: {fields[0]['message']}.", fields=fields)


def checked_text(text: str) -> str:
    """What is said, cleaned. Errors: TooLarge, Invalid."""
    try:
        if len(text.encode()) > LONGEST_TEXT:
            raise TooLarge(f"text: a message may have {LONGEST_TEXT} bytes.")
        return message_text(text)
    except UnicodeEncodeError:
        raise Invalid("text: half a character (a lone surrogate) is not taken.") from None
    except ValueError as error:
        raise Invalid(f"text: {error}.") from None


def deeper_than(value: object, limit: int) -> bool:
    """True when lists and objects are nested more than `limit` deep."""
    level: list[object] = [value]
    for _ in range(limit):
        level = [child for one in level for child in _children(one)]
        if not level:
            return False
    return any(isinstance(one, dict | list) for one in level)


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def refusal(refused: Refused) -> dict[str, Any]:
    """The ack of a refused request."""
    error: dict[str, Any] = {"code": refused.code, "message": refused.detail}
    if refused.retry_after is not None:
        error["retry_after"] = round(refused.retry_after, 3)
    if refused.choices:
        error["choices"] = refused.choices
    return {"ok": False, "error": error}
