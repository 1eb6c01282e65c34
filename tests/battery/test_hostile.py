"""Nonsense, other tenants' ids and people who are not wanted."""

import asyncio
import json
import random
from collections import Counter
from typing import Any

from starlette.routing import Mount, Route

from tests.battery.chat import Guest, at
from tests.battery.conftest import Figures, Scale
from tests.battery.mutate import mutated, seeds
from tests.battery.stage import Stage, eventually
from tests.support.tcp_proxy import Line, Refused, enter
from weir.app import ALL, build_rooms
from weir.foundation.ids import new_id
from weir.foundation.services import Services

ATTACKERS = 16
NO_CODE = 1006
PREFIXES: dict[str, Any] = {
    "stream": "str",
    "channel": "chn",
    "playback": "ply",
    "message": "msg",
    "act": "act",
    "key": "key",
    "place": "plc",
}


class Attackers:
    """Each sends one mutated packet after another, on a new connection where the last one was ended."""

    def __init__(self, stage: Stage, count: int) -> None:
        self._stage, self._left = stage, count
        self._packets = seeds(stage.channel)
        self.codes: Counter[int] = Counter()
        self.survived = 0
        self.silent: list[bytes] = []

    async def run(self) -> None:
        await asyncio.gather(*(self._attack(number) for number in range(ATTACKERS)))

    async def _attack(self, number: int) -> None:
        dice = random.Random(number)
        while self._left > 0:
            line = await enter(
                self._stage.nodes[number % 2].port, {"token": self._stage.token(f"bad{number}")}
            )
            while self._left > 0 and not line.closed.done():
                opcode, packet = mutated(self._packets, dice)
                if packet[:2] == b"41":  # signs out, and is rightly answered no more: it is closed after 10 s
                    continue
                self._left -= 1
                await self._send(line, opcode, packet)
            line.reset()

    async def _send(self, line: Line, opcode: int, packet: bytes) -> None:
        """One packet, and a request after it: the request is answered, or the connection ends with a code."""
        line.frame(packet, opcode)
        try:
            await line.call("channel.leave", {"channel": self._stage.channel}, 10)
            self.survived += 1
        except ConnectionError:
            code = line.closed.result()[0]
            self.codes[code] += 1
            if code == NO_CODE:
                self.silent.append(packet[:200])
        except TimeoutError:
            self.silent.append(packet[:200])


async def test_mutated_packets(stage: Stage, scale: Scale, figures: Figures) -> None:
    """No process exits, no traceback leaves the application, each connection that ends has a close code, and
    two who talk on the same nodes notice nothing."""
    people = [stage.enter(Guest(stage, f"good{number}", number, talks=True)) for number in range(2)]
    await eventually(lambda: all(len(person.seen.events) > 5 for person in people), "talk")
    pids = [node.process.pid for node in stage.nodes if node.process is not None]
    quiet = sorted(delay for person in people for delay in person.delays)
    attackers = Attackers(stage, scale.mutations)
    await attackers.run()
    for person in people:
        await person.hush()
    assert [node.process.pid for node in stage.nodes if node.process is not None and node.lives] == pids
    assert [node.tracebacks() for node in stage.nodes] == [0, 0], stage.nodes[0].words()[-3000:]
    assert attackers.silent == [], (len(attackers.silent), attackers.silent[:5])
    assert [(person.visits, person.unexpected) for person in people] == [(1, []), (1, [])]
    assert [one.cid for person in people for one in person.sent if one.seq is None] == []
    busy = sorted(delay for person in people for delay in person.delays)
    figures(packets=scale.mutations, survived=attackers.survived, closed=dict(sorted(attackers.codes.items())),
            bystander_p99_before_ms=at(quiet, 0.99), bystander_p99_ms=at(busy, 0.99))  # fmt: skip


# -- tenants

EVENTS: dict[str, dict[str, Any]] = {
    "channel.join": {}, "chat.send": {"cid": "c", "text": "hi"}, "chat.command": {"text": "/slow 5s"}, "chat.history": {"limit": 5},
    "chat.delete": {"id": "msg_" + "0" * 26}, "typing.start": {}, "typing.stop": {}, "reaction.send": {"kind": "heart"},
    "presence.list": {}, "channel.leave": {},
}  # fmt: skip
BODIES: dict[str, Any] = {
    "/v1/channels/{channel}/messages": {"user": {"id": "u"}, "text": "hi"}, "/v1/channels/{channel}/commands": {"text": "/slow 5s"},
    "/v1/channels/{channel}/settings": {"slow": 5},
    "/v1/places/{place}/devices/{device}": {"space": 1}, "/v1/places/{place}/devices": {"serial": "s"},
    "/v1/places/{place}/devices/{device}/readings": {"id": "r", "at": "2027-01-01T00:00:00Z", "state": "free"},
    "/v1/places/{place}/reservations": {"starts": "2027-01-01T00:00:00Z", "ends": "2027-01-01T01:00:00Z"},
    "/v1/places/{place}/spaces": {"count": 1},
}  # fmt: skip
QUERIES = {"/v1/places/{place}/availability": "?starts=2027-01-01T00:00:00Z&ends=2027-01-01T01:00:00Z"}
# Refused without the protocol's headers, before anything is looked up; tests/media/uploads/test_service.py
# asks it with them.
EARLIER = {("PATCH", "/v1/vod/{vod}")}


def routes(services: Services) -> list[tuple[str, str]]:
    """(method, path) of every route that names something by id, of all rooms."""
    found = [
        route
        for room in build_rooms(services, ALL)
        for route in room.routes()
        if not isinstance(route, Mount)
    ]
    return sorted(
        (method, route.path)
        for route in found
        if isinstance(route, Route) and route.path.startswith("/v1/") and "{" in route.path
        for method in route.methods or ()
        if method != "HEAD"
    )


def filled(path: str, ids: dict[str, str]) -> str:
    for name, value in ids.items():
        path = path.replace("{" + name + "}", value)
    return path


async def neighbour(stage: Stage) -> dict[str, str]:
    """Another app with one of everything."""
    app = (await stage.weir("create", "app", "Neighbour"))["id"]
    stream = await stage.weir("create", "stream", app, "--title", "Theirs")
    key = await stage.weir("create", "key", app, "chat:moderate")
    channel = stream["channel"]
    line = await enter(stage.nodes[0].port, {"token": stage.token("owner", app, "owner", channel)})
    message = await line.call("chat.send", {"channel": channel, "cid": "theirs", "text": "theirs"})
    act = await line.call("chat.command", {"channel": channel, "text": "/slow 30s"})
    assert message["ok"]
    assert act["ok"]
    line.disconnect()
    return {
        "app": app, "stream": stream["id"], "channel": channel, "playback": stream["playback_id"], "message": message["id"],
        "act": act["action"]["id"], "key": key["id"],
    }  # fmt: skip


async def test_another_tenants_ids_are_like_none(stage: Stage, services: Services, figures: Figures) -> None:
    """Every socket request and every REST route answers an id of another app as one that does not exist, byte
    for byte, and what the other app has is untouched."""
    theirs = await neighbour(stage)
    missing = {**theirs, **{name: new_id(prefix) for name, prefix in PREFIXES.items() if name in theirs}}
    line = await enter(
        stage.nodes[0].port, {"token": stage.token("spy", role="owner", channel=theirs["channel"])}
    )
    for event, more in EVENTS.items():
        asked = [await line.call(event, {"channel": ids["channel"], **more}) for ids in (theirs, missing)]
        assert asked[0] == asked[1], event
        assert event in ("channel.leave", "typing.stop") or asked[0]["error"]["code"] == "not_found", (
            event,
            asked[0],
        )
    own = await stage.weir("create", "stream", stage.app, "--title", "Ours")
    token = stage.tokens.mint("weir:app", 600, sub="acc_spy", app=stage.app, role="owner")
    program = await enter(stage.nodes[0].port, {"token": token})
    for name in ("channel", "stream"):
        asked = [
            await program.call("events.subscribe", {"types": ["stream.live"], name: ids[name]})
            for ids in (theirs, missing)
        ]
        assert asked[0] == asked[1], (name, asked)
    before = await state(stage, theirs)
    table = [
        (method, path)
        for method, path in routes(services)
        if "{playback}" not in path and "{app}" not in path
    ]
    unknown = {name for _, path in table for name in names_in(path)} - set(theirs)
    asked_for = 0
    for method, path in table:
        for mixed in mixtures(path, {"stream": own["id"], "channel": own["channel"]}):
            answers = []
            for ids in (theirs, missing):
                given = {**dict.fromkeys(unknown, "0" * 26), **ids, **mixed}
                body = None if method == "GET" else BODIES.get(path, {})
                answers.append(
                    await stage.ask(
                        stage.nodes[1], method, filled(path, given) + QUERIES.get(path, ""), body, token
                    )
                )
            assert answers[0] == answers[1], (method, path, answers)
            assert answers[0][0] == 404 or (method, path) in EARLIER, (method, path, answers)
            asked_for += 1
    assert await state(stage, theirs) == before
    figures(socket_requests=len(EVENTS) + 2, routes=asked_for, ids_of_kinds_not_made_here=sorted(unknown))


def names_in(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def mixtures(path: str, own: dict[str, str]) -> list[dict[str, str]]:
    """What of the path is our own: nothing, and where it names two things also the outer one."""
    names = names_in(path)
    return [{}] + ([{names[0]: own[names[0]]}] if len(names) > 1 and names[0] in own else [])


async def state(stage: Stage, theirs: dict[str, str]) -> tuple[Any, ...]:
    """What the neighbour sees of its own."""
    token = stage.tokens.mint("weir:app", 600, sub="acc_them", app=theirs["app"], role="owner")
    channel = f"/v1/channels/{theirs['channel']}"
    paths = [
        f"/v1/streams/{theirs['stream']}",
        *(channel + rest for rest in ("/messages", "/settings", "/moderation", "/members")),
    ]
    return tuple(
        [json.loads((await stage.ask(stage.nodes[0], "GET", path, token=token))[1]) for path in paths]
    )


async def test_a_ban_while_offline(stage: Stage, figures: Figures) -> None:
    """Who was banned while away gets nothing back on either node: no room, no missed message, no history."""
    channel = stage.channel
    mod = await enter(stage.nodes[0].port, {"token": stage.token("mod", role="moderator")})
    troll_token = stage.token("troll")
    troll = await enter(stage.nodes[1].port, {"token": troll_token})
    position = await troll.call("channel.join", {"channel": channel})
    assert position["ok"]
    troll.reset()
    for number in range(20):
        assert (await mod.call("chat.send", {"channel": channel, "cid": f"c{number}", "text": "secret"}))[
            "ok"
        ]
    assert (await mod.call("chat.command", {"channel": channel, "text": "/ban troll spam"}))["ok"]
    heard: list[Any] = []
    tried = 0
    for node in stage.nodes:
        back = await enter(node.port, {"token": troll_token}, lambda event, data: heard.append((event, data)))
        for event, data in (
            ("channel.join", {"epoch": position["epoch"], "seq": position["seq"]}), ("channel.join", {}),
            ("chat.history", {"limit": 50}),
            ("chat.send", {"cid": "x", "text": "hi"}), ("presence.list", {}), ("typing.start", {}), ("reaction.send", {"kind": "heart"}),
        ):  # fmt: skip
            answer = await back.call(event, {"channel": channel, **data})
            assert answer["error"]["code"] == "banned", (event, answer)
            tried += 1
        assert (
            await mod.call("chat.send", {"channel": channel, "cid": f"after{node.port}", "text": "secret"})
        )["ok"]
        await asyncio.sleep(0.5)
        back.disconnect()
    assert [event for event, data in heard if data.get("channel") == channel] == []
    figures(requests_refused=tried, events_heard=len(heard))


async def test_forged_tokens_open_nothing(stage: Stage, figures: Figures) -> None:
    """Tokens of other kinds, other keys and other times are refused on both nodes."""
    good = stage.token("ann")
    head, body, mark = good.split(".")
    forged = [
        "", "x", f"{head}.{body}.", f"{head}.{body}.{mark[::-1]}", f"eyJhbGciOiJub25lIn0.{body}.",
        stage.tokens.mint("weir:account", 600, sub="a"),
        stage.tokens.mint("weir:app", -100, sub="a", app=stage.app, role="owner"),
        stage.tokens.mint("weir:user", -100, sub="a", app=stage.app),
        stage.tokens.mint_playback("ply_x", stage.app, "s", 600),
    ]  # fmt: skip
    for token in forged:
        for node in stage.nodes:
            try:
                await enter(node.port, {"token": token})
            except Refused as refused:
                assert refused.data["code"] == "unauthenticated"
            else:
                raise AssertionError(f"{token} was let in")
    figures(refused=len(forged) * 2)
