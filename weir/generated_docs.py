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
after it (its value is the path of a file that holds the value, for secrets) · `--config FILE` (TOML, lower-case names
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


MODERATION_HEAD = """# Moderating a chat

Made by `make docs` from `realtime/rules/commands.py`. Type a command into the chat, send it over the socket (`chat.command`) or by
REST: the grammar is the same. USER is a name or an id, with or without `@`. Names may contain blanks: Weir takes the longest name
that a user of this channel has, and reads the rest as duration or reason (`/ban Guest 5131 spam`); quotes (`"Guest 5131"`) mark the
end of a name. A command for an unknown user changes nothing: a word that is neither a name nor an id is refused as `not_found` with
the nearest names, and one that matches several users, or is one user's name and another's id, is refused as `invalid`. Both errors
have `choices` (`{id, name, role, text?}`), whose `text` is the same command about that user. `@id:ID` is always an id, never a name;
only this form reaches users who have never been in the channel. Durations are `30s 10m 2h 7d`. MSG and ACTION are ids (`msg_…`,
`act_…`). `/help` lists the commands of your role. For programs, `GET`, `POST` and `DELETE …/bans`, `…/mutes` and `…/timeouts` of a
channel (`{user, reason, expires_s}`, by id) are the same actions. `POST /v1/channels/{channel}/messages` takes text as it is, also
when it begins with a slash: commands by REST go to `…/commands`.

Roles: owner > moderator > vip > member > guest. A command works only on lower roles than your own. Every action has an id, an actor,
a target, a reason, a time and an expiry, and `/undo` reverses it. A ban takes effect on all nodes at once: the atomic step that
stores a message checks it.

**A ban** hides the user's messages in this channel. It has no end, or ends after a time (`/ban Ada 7d spam`); then the user may write
again, and the hidden messages stay hidden. With `everywhere`, or by `POST /v1/bans` (`{user, reason, expires_s}`; `channel` only
says where to look up a name), that id can't join, write or react in any channel of the app: Weir closes its sockets at once with the
reason and refuses new ones as `banned`. This needs staff of the app: `staff` in the user token, or a credential with
`chat:moderate`. Typed in a channel, it is also a ban in that channel, and `/undo` ends both. `GET /v1/bans?user=` lists the bans of
all channels. Put a reason that begins with a duration, `everywhere` or `idonly` in quotes.

**A guest** has no account, so a ban of one (`/ban Guest 5131`) also applies to the browser and, for a day
(`WEIR_GUEST_ADDRESS_BAN_H`), to the address: clearing the page's storage and returning under another name does not help. Both apply
only to guests, never to people who have signed in, and the address only to guests who first came after the ban: those who are
already there may stay. It still shuts out new guests of the same household, sometimes of the same school; `idonly` bans neither
browser nor address. `/unban` and `/undo` end both, except where the ban of another guest covers the same browser or address. Weir knows the
browser by an id that it signs and the page keeps. This is weak: clearing the storage gives a new id, and a second browser that was
open before the ban has its own. Of the address, Weir stores only a hash with the installation's key (IPv6: of the /64). It deletes
the hash when the ban of the address ends; without a ban, it keeps the hash until an hour after the guest has left. Where guests do
harm, `/guestwait 10m` lets new ones write only 10 minutes after they first came, and `/guestsread` not at all; an app has the same
settings for all its channels as `guest_wait_s` and `guests` (`PATCH /v1/apps/{app}`).

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

- **A channel's** log goes to the clients that have joined it (`channel.join`): chat, moderation, and what happens to its stream.
- **An app's** log goes to the app's own programs: every public event of the app, each source in its order, once. An event of a
  channel carries the channel's own number there as `channel_seq`. Follow the log by Socket.IO (`events.subscribe`), by a plain
  WebSocket (`GET /v1/events/ws?types=stream.*,chat.message.new`) or by pages (`GET /v1/events`), with an API key or app token that
  has `events:read`. Filters: `types` (each may end in `.*`), `stream`, `channel`, `place`.

Keep the last `epoch` and `seq` that you received and send them when you reconnect: `recovered: true` means that no event is missing.
The app's log keeps its newest 20,000 events, and begins when a client first follows the app: Weir copies chat into it from then until
24 hours after the last follower has disconnected; a log that begins again has a new `epoch`. Facts about streams and places are
always in it. It is a log of what happened: a message that is deleted later stays in it, followed by its deletion. It never has the
messages of shadow-banned users.

Over the plain WebSocket each text frame is one envelope; the first is a `system.notice` with `code: subscribed` and your position.
A notice with `code: position` comes every 30 seconds, so that your position stays current when the filter matches little. A client
that leaves 1,000 events or 1 MB unread is disconnected and can resume. Events marked * are ephemeral: at most once, no `seq`.

Publish your own with `POST /v1/events` (`events:write`): `{"type": "custom.order.paid", "id": "order-7", "data": {…}}`. The same
`id` within 24 hours is the same event (200, `Idempotency-Replayed: true`), and 409 when its content differs; `data` may have 16 KB.
With `"deliver": "channel"` an event also goes to every client that has joined its `channel`, among the messages and under the
channel's `seq`, so a client that reconnects gets it as well; `data` may have 4 KB then, a channel takes ten a second (20 at once), and
an `id` is remembered for ten minutes, with the same answers. With `"ephemeral": true` it goes to the clients that are connected now,
at most once. A product that a shop shows next to the picture:

```sh
curl "$WEIR/v1/events" -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' -d '{
  "type": "custom.product.pinned", "deliver": "channel", "channel": "'$CHANNEL'",
  "data": {"sku": "cup-7", "title": "Cup", "price": "12.00 EUR"}}'
```

```js
socket.on('custom.product.pinned', ({ seq, data }) => showProduct(data));
```

Numbers may jump: after a restart of Redis a sequence continues more than a million higher, in the same `epoch`, because entries that
Redis lost may have used the numbers between. A jump is not a gap; resuming returns what you missed. A filter by a `type` that no event
has is refused.

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
