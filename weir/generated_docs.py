"""docs/configuration.md, .env.example, docs/moderation.md and docs/events.md, written from the code itself so
that they can't drift."""

import json
from pathlib import Path
from typing import Any

from realtime.protocol.event_schemas import EVENTS, EventSchema, data_of
from realtime.rules.commands import FORMS
from weir.foundation.settings import PREFIX, Settings

HEAD = """# Configuration

Made by `weir settings`; change `weir/foundation/settings.py`, not this file.

A setting comes from, first wins: a command-line option · the environment variable · the environment variable with `_FILE`
behind it (its value is the path of a file that holds the value, for secrets) · `--config FILE` (TOML, lower-case names
without `WEIR_`) · a file `.env` in the working folder · the default.

| setting | default | meaning |
|---|---|---|
"""
ENV_HEAD = """# Every setting of Weir with its default. Copy to .env and take away the # of what you change.
# Made by `weir settings --env`.
"""


def _default(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, Path):
        inside = value.is_absolute()
        return "player/dist" if inside else str(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return json.dumps(value) if isinstance(value, list | dict | bool) else str(value)


def configuration() -> str:
    rows = (
        f"| `{PREFIX}{name.upper()}` | {f'`{_default(one.default)}`' if _default(one.default) else '–'} | {one.description} |"
        for name, one in Settings.model_fields.items()
    )
    return HEAD + "\n".join(rows) + "\n"


def env_example() -> str:
    return ENV_HEAD + "".join(
        f"\n# {one.description}\n#{PREFIX}{name.upper()}={_default(one.default)}\n"
        for name, one in Settings.model_fields.items()
    )


MODERATION_HEAD = """# Keeping order in a chat

Made by `make docs` from `realtime/rules/commands.py`. Type a command into the chat, send it over the socket (`chat.command`) or by
REST: it is one grammar. USER is a name or an id, with or without `@`. Names may have blanks: the longest one that somebody here
bears is taken, and what follows it is the duration or reason (`/ban Guest 5131 spam`); quotes (`"Guest 5131"`) say where it ends.
Nobody is acted on who was not found: a word that is nobody's name and nobody's id is refused as `not_found` with the nearest names,
and one that may mean several people, or is one's name and another one's id, is refused as `invalid`. Both come with `choices`
(`{id, name, role, text?}`), whose `text` is the same command about that person. `@id:ID` is an id and never a name; only so is
somebody meant who was never here. Durations are `30s 10m 2h 7d`. MSG and ACTION are ids (`msg_…`, `act_…`). `/help` lists what
one's role may use. For programs, `GET`, `POST` and `DELETE …/bans`, `…/mutes` and `…/timeouts` of a channel (`{user, reason,
expires_s}`, by id) are the same actions. `POST /v1/channels/{channel}/messages` takes text as it is, also when it begins with a
slash: commands by REST go to `…/commands`.

Roles: owner > moderator > vip > member > guest. Nobody acts on equals or betters. Every action has an id, an actor, a target,
a reason, a time and an expiry, and `/undo` takes it back. A ban acts on all nodes at once: the same atomic step that stores a
message checks it.

**A ban** hides what somebody wrote here and holds for good, or for a time (`/ban Ada 7d spam`); when that is over they may come
back, and what they wrote stays hidden. With `everywhere`, or by `POST /v1/bans` (`{user, reason, expires_s}`; a `channel` only
says where the user is known by name), nobody with that id joins, writes or reacts in any channel of the app: their sockets are
closed at once with the reason, and new ones are refused as `banned`. For that one must be staff of the app: have `staff` in the
user token, or a credential with `chat:moderate`. Typed in a channel it is also a ban there, and `/undo` takes both back. `GET
/v1/bans?user=` lists the bans over all channels. A reason that begins with a duration or with `everywhere` or `idonly` stands
in quotes.

**A guest** is nobody in particular, so a ban of one (`/ban Guest 5131`) also shuts out the browser and, for a day
(`WEIR_GUEST_ADDRESS_BAN_H`), the address: clearing the page's storage and coming back under another name does not help. Only guests are
held by that, never people who have signed in, and by the address only those who came first after the ban: who is there already may
stay. Still it keeps away new guests of one household, sometimes of one school; `idonly` leaves both out. `/unban` and `/undo` lift
everything, but what stands by the ban of somebody else. The browser is known by an id that Weir signs and the page keeps. It is weak:
who clears the storage has another, and who opened a second browser before the ban is known there. Of the address there is a hash with the
installation's key only (IPv6: of the /64), which is deleted when its time is over; it is known for an hour after the guest has left.
Where guests do harm, `/guestwait 10m` lets new ones write only 10 minutes after they came first, and `/guestsread` not at all; an app
has the same for all its channels as `guest_wait_s` and `guests` (`PATCH /v1/apps/{app}`).

| command | who | what it does |
|---|---|---|
"""


def moderation() -> str:
    rows = (
        f"| `/{name}{' ' if form.usage else ''}{form.usage}` | {form.role} | {form.about} |"
        for name, form in FORMS.items()
    )
    return MODERATION_HEAD + "\n".join(rows) + "\n"


EVENTS_HEAD = """# Events

Made by `make docs` from `realtime/protocol/event_schemas.py`; `/v1/asyncapi.json` has the same as schemas.

Every event is one envelope: `{id, type, at, channel?, epoch?, seq?, …data}`. Two kinds of logs have a sequence (`epoch`, `seq`):

- **A channel's** log goes to those who joined it (`channel.join`): chat, moderation, and what happens to its stream.
- **An app's** log goes to the app's own programs: everything public in the app, each source in its order, once. An event of a channel
  carries the channel's own number there as `channel_seq`. Follow it by Socket.IO (`events.subscribe`), by a plain WebSocket
  (`GET /v1/events/ws?types=stream.*,chat.message.new`) or by pages (`GET /v1/events`), with an API key or app token that has
  `events:read`. Filters: `types` (each may end in `.*`), `stream`, `channel`, `place`.

Keep the last `epoch` and `seq` you saw and give them when you come back: `recovered: true` means that nothing is missing. The app's
log keeps its newest 20,000 events, and begins when somebody first follows the app: chat is carried into it from then until 24 hours
after the last follower has gone; later ones get a new `epoch`. Facts about streams and places are in it in any case. It is a log of
what happened: a message that is deleted later stands in it, and its deletion after it. Messages of shadow-banned users never do.

Over the plain WebSocket each text frame is one envelope; the first is a `system.notice` with `code: subscribed` and where you
stand. A note with `code: position` comes every 30 seconds, so that a filter that lets little through loses no position. Who leaves
1,000 events or 1 MB unread is cut off and resumes. Events marked * are ephemeral: at most once, no `seq`.

Publish your own with `POST /v1/events` (`events:write`): `{"type": "custom.order.paid", "id": "order-7", "data": {…}}`. The same
`id` within 24 hours is the same event (200, `Idempotency-Replayed: true`), and 409 when it says something else; `data` may have 16 KB.
With `"deliver": "channel"` an event also goes to everybody who has joined its `channel`, between the messages and under the channel's
`seq`, so who comes back gets it as well; `data` may have 4 KB then, a channel takes ten a second (20 at once), and an `id` is known for
ten minutes, with the same answers. With `"ephemeral": true` it goes to those who are there now, at most once. A product
that a shop shows beside the picture:

```sh
curl "$WEIR/v1/events" -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' -d '{
  "type": "custom.product.pinned", "deliver": "channel", "channel": "'$CHANNEL'",
  "data": {"sku": "cup-7", "title": "Cup", "price": "12.00 EUR"}}'
```

```js
socket.on('custom.product.pinned', ({ seq, data }) => showProduct(data));
```

Numbers may jump: after a restart of Redis a sequence goes on more than a million higher, in the same `epoch`, because some numbers
may have been given and lost. A jump is no hole; what was missed comes by resuming. A filter by a `type` that no event has is refused.

| event | what | data |
|---|---|---|
"""


def _data(form: EventSchema) -> str:
    return " ".join(f"`{name}{'' if always else '?'}`" for name, always in data_of(form))


def events() -> str:
    rows = (
        f"| `{kind}`{'*' if form.ephemeral else ''} | {form.about} | {_data(form)} |"
        for kind, form in EVENTS.items()
    )
    return EVENTS_HEAD + "\n".join(rows) + "\n"
