"""A stream that can be followed, with mailboxes and browsers that behave as they are told."""

import asyncio
import os
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from control.accounts.mail import MailboxRefused
from control.collections import FOLLOWERS, NOTICES, FollowerDoc
from control.followers.push import encoded
from tests.support.control_room import Headers, World, bearer
from weir.foundation.clock import now_ms
from weir.foundation.egress.client import EgressAnswer
from weir.foundation.errors import Unavailable
from weir.foundation.events import DirectoryChanged, StreamLive
from weir.foundation.ids import new_id
from weir.foundation.tenancy.collections import STREAMS


class Post:
    """The mail server. `fails` says of an address what happens to its mail: `refused`, `later` or `hangs`."""

    delivers = True

    def __init__(self) -> None:
        self.mails: list[tuple[str, str, str, dict[str, str]]] = []
        self.fails: Callable[[str], str] = lambda _address: ""
        self.hanging = asyncio.Event()

    async def send(self, to: str, subject: str, text: str, headers: Any = None) -> None:
        fault = self.fails(to)
        if fault == "refused":
            raise MailboxRefused("no such person")
        if fault == "later":
            raise Unavailable("try again")
        if fault == "hangs":
            self.hanging.set()
            await asyncio.Event().wait()
        self.mails.append((to, subject, text, dict(headers or {})))

    def got(self) -> Counter[str]:
        return Counter(to for to, *_ in self.mails)

    def link(self, to: str, purpose: str = "confirm") -> str:
        """The path of the newest link of this kind that was mailed."""
        text = next(text for address, _, text, _ in reversed(self.mails) if address == to)
        found = re.search(rf"https?://[^/\s]+(/v1/followers/{purpose}\?token=\S+)", text)
        assert found is not None, text
        return found[1]


class Browser:
    """What a browser subscribes with, and how it reads what comes."""

    def __init__(self, endpoint: str = "https://push.example/1") -> None:
        self._key, self._auth = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.endpoint = endpoint
        self.given = {"endpoint": endpoint, "keys": {"p256dh": encoded(point), "auth": encoded(self._auth)}}

    def read(self, body: bytes) -> bytes:
        return bytes(
            http_ece.decrypt(body, private_key=self._key, auth_secret=self._auth, version="aes128gcm")
        )


class PushService:
    """In the place of the outside: what was sent to it; `status` is what it answers."""

    def __init__(self) -> None:
        self.status = 201
        self.requests: list[tuple[str, dict[str, str], bytes]] = []

    async def request(
        self, method: str, url: str, *, headers: Any, body: bytes, timeout_s: float
    ) -> EgressAnswer:
        self.requests.append((url, dict(headers), body))
        return EgressAnswer(self.status, {}, b"", 1)


class Fans:
    def __init__(self, world: World, owner: Headers, app: str, key: Headers, stream: dict[str, Any]) -> None:
        self.owner = owner
        self.world, self.app, self.key, self.stream = world, app, key, stream
        self.post, self.pushed = Post(), PushService()
        self.followers, self.notices = world.room._followers, world.room._notices
        self.mails: Any = self.followers._mails
        self.mails._sender = self.post
        channels: Any = self.notices._channels
        self.push = channels["push"]
        self.push._egress = self.pushed
        self.notices._channels = {"email": self.mails, "push": self.push}
        self.path = f"/v1/watch/{stream['playback_id']}/followers"
        self.theirs = world.services.store.app(app)

    async def ask(self, path: str = "", address: str = "192.0.2.9", **body: Any) -> Any:
        async with self.world.client(address) as http:
            return await http.post(path or self.path, json=body)

    async def follow(self, email: str) -> None:
        """With everything that it takes."""
        assert (await self.ask(email=email, address=f"2001:db8:{len(self.post.mails)}::1")).status_code == 202
        await self.followers.ask_more()
        assert (await self.world.http.post(self.post.link(email))).status_code == 200

    async def many(self, count: int, **fields: Any) -> list[str]:
        """Confirmed followers, as if each had asked."""
        docs, addresses = list[FollowerDoc](), list[str]()
        for number in range(count):
            follower, email = new_id("flw"), f"u{number}@x.example"
            doc: Any = {
                "id": follower, "stream": self.stream["id"], "kind": "email", "state": "confirmed", "hash": f"h{follower}",
                "sealed": self.world.services.vault.seal(email, follower), "created": 1, "asked": 1, "confirmed": 1, **fields,
            }  # fmt: skip
            docs.append(doc)
            addresses.append(email)
        await self.theirs.insert_many(FOLLOWERS, docs)
        return addresses

    async def begins(self, broadcast: str = "", at: int | None = None) -> StreamLive:
        """The stream goes on air."""
        broadcast = broadcast or new_id("brd")
        live = {"state": "live", "broadcast": broadcast, "generation": 1}
        await self.theirs.update(STREAMS, self.stream["id"], set=live)
        changed = DirectoryChanged(app=self.app, collection="streams", key=self.stream["id"])
        await self.world.services.directory.on_event(changed)
        event = StreamLive(
            app=self.app, stream=self.stream["id"], playback=self.stream["playback_id"], channel=self.stream["channel"],
            broadcast=broadcast, generation=1, at=now_ms() if at is None else at,
        )  # fmt: skip
        await self.notices.on_event(event)
        return event

    async def waiting(self) -> list[Any]:
        """Notices that go on."""
        return [one for one in (await self.theirs.find(NOTICES, limit=100)).data if one["next"] is not None]

    async def due_now(self) -> None:
        """As if the time had come: of a lease, or of another try."""
        for notice in await self.waiting():
            await self.theirs.update(NOTICES, notice["id"], set={"next": 1})

    async def tell_all(self, most: int = 1000) -> None:
        """Until nothing waits for this moment or later."""
        for _ in range(most):
            if not await self.waiting():
                return
            await self.due_now()
            await self.notices.tell_more("email")
            await self.notices.tell_more("push")
        raise AssertionError("it goes on for ever")


@pytest.fixture
async def fans(world: World) -> Fans:
    owner = await world.owner()
    app = str((await world.app(owner))["id"])
    key = bearer((await world.key(owner, app))["api_key"])
    stream = await world.done("POST", "/v1/streams", key, {"title": "Show: <b> https://evil.example"})
    return Fans(world, owner, app, key, stream)
