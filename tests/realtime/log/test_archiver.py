"""Logs move to documents exactly once, whatever dies in the middle, and history shows no seam."""

import asyncio
import contextlib
import random
import sys

import pytest
from prometheus_client import REGISTRY

from realtime.composition import COLLECTIONS
from realtime.log.app_log import AppLog
from realtime.log.app_log_forwarder import AppLogForwarder
from realtime.log.archive import MESSAGES, SHADOWED, Archive
from realtime.log.archiver import RANGES, Archiver
from realtime.log.channel_log import JUMP, ArchivedState, ChannelLog
from realtime.log.redis_keys import keys_of
from realtime.protocol.envelope import tail
from realtime.rules.permissions import NO_RATE
from tests.support.chat_nodes import Directory, House
from weir.foundation.clock import now_ms
from weir.foundation.documents.factory import open_store
from weir.foundation.errors import Unavailable
from weir.foundation.ids import new_id

NEW = "chat.message.new"


@pytest.fixture
async def store(settings):
    made = await open_store(settings, COLLECTIONS)
    yield made
    await made.close()


@pytest.fixture
def entries(connection, store):
    async def known(channel: str) -> ArchivedState:
        return ArchivedState(await Archive(store).top(channel))

    return ChannelLog(connection, 100_000, known)


@pytest.fixture
def directory():
    return Directory()


@pytest.fixture
def channel(directory):
    return directory.new_stream("app_1")["channel"]


def archiver_of(connection, store, directory, settings, **keep):
    forwarder, quick = (
        AppLogForwarder(AppLog(connection), directory),
        {"settle_ms": 0, "keep_entries": 10, "keep_ms": 0},
    )
    return Archiver(connection, Archive(store), directory, settings, forwarder, **{**quick, **keep})


async def put(entries, channel, cid):
    entry_id = new_id("msg")
    body = tail(entry_id, NEW, channel, {"cid": cid, "user": {"id": "ann"}, "text": cid})
    return await entries.append(
        channel, kind=NEW, entry_id=entry_id, cid=cid, uid="ann", rate=NO_RATE, tail=body
    )


async def sweep(archiver):
    await asyncio.sleep(0.002)  # what was stored within this millisecond is not due
    for number in range(RANGES):
        await archiver.sweep(number)


async def archived(store, channel):
    found: list[int] = []
    cursor = None
    while True:
        page = await store.operator().find(
            MESSAGES, {"channel": channel}, sort="seq", limit=10_000, cursor=cursor
        )
        found += [doc["seq"] for doc in page.data]
        cursor = page.next
        if cursor is None:
            return found


async def length(connection, channel):
    return await connection.link().ask("XLEN", keys_of(channel).log)


async def test_all_is_archived_and_the_newest_stay(entries, connection, store, directory, settings, channel):
    """Every entry becomes one document of its app; the log keeps the newest; then the channel is no longer
    looked at."""
    for n in range(1_300):
        await put(entries, channel, f"c{n}")
    archiver = archiver_of(connection, store, directory, settings)
    await sweep(archiver)
    await sweep(archiver)
    assert await archived(store, channel) == list(range(1, 1_301))
    assert await store.app("app_1").count(MESSAGES) == 1_300
    assert await length(connection, channel) == 10
    assert await connection.link().ask("ZCARD", keys_of(channel).dirty) == 0
    await put(entries, channel, "later")
    await sweep(archiver)
    assert (await archived(store, channel))[-1] == 1_301


async def test_the_young_wait(entries, connection, store, directory, settings, channel):
    """An entry younger than the settling time is not archived; an archived one younger than the window is not
    trimmed."""
    for n in range(30):
        await put(entries, channel, f"c{n}")
    await sweep(archiver_of(connection, store, directory, settings, settle_ms=60_000))
    assert await archived(store, channel) == []
    await sweep(archiver_of(connection, store, directory, settings, keep_ms=60_000))
    assert await archived(store, channel) == list(range(1, 31))
    assert await length(connection, channel) == 30
    score = float(await connection.link().ask("ZSCORE", keys_of(channel).dirty, channel))
    assert score > now_ms() + 30_000  # it is looked at again when something may be trimmed


async def test_what_waits_for_the_archive_is_told(entries, connection, store, directory, settings, channel):
    """By how long it has been due; nothing waits once it is stored."""
    await put(entries, channel, "c")
    await asyncio.sleep(0.2)  # how long it has been due is what is measured
    archiver = archiver_of(connection, store, directory, settings)
    number = int(keys_of(channel).dirty.removeprefix("{b").partition("}")[0]) % RANGES

    def age() -> float | None:
        return REGISTRY.get_sample_value("weir_queue_age_seconds", {"queue": f"archive.{number}"})

    await archiver.sweep(number)
    waited = age()
    assert waited is not None and waited >= 0.15
    await archiver.sweep(number)
    assert age() == 0


class Dying(Archive):
    """An archive whose process dies at a random point of a batch."""

    def __init__(self, store, chance: random.Random, deaths: set[int]) -> None:
        super().__init__(store)
        self._chance, self._deaths = chance, deaths

    async def add(self, app, channel, entries):
        point = self._chance.randrange(4)
        self._deaths |= {point} - {3}
        if point == 0:
            raise RuntimeError("dead before the insert")
        if point == 1:
            await super().add(app, channel, entries[: len(entries) // 2])
            raise RuntimeError("dead amid the insert")
        await super().add(app, channel, entries)
        if point == 2:
            raise RuntimeError("dead before the mark")


async def insist(entries, channel, cid):
    """As a client does on a busy machine: no answer in time means sending again with the same cid."""
    for _ in range(30):
        with contextlib.suppress(Unavailable):
            return await put(entries, channel, cid)
    raise AssertionError("the log never answered")


async def test_deaths_cost_nothing_and_double_nothing(
    entries, connection, store, directory, settings, channel
):
    """With archivers that die before, amid and after the insert, two at a time, the archive is the log, once,
    in order."""
    chance, stop = random.Random(7), asyncio.Event()

    forwarder = AppLogForwarder(AppLog(connection), directory)

    async def archive() -> None:
        while not stop.is_set():
            dying = Archiver(
                connection,
                Dying(store, chance, deaths),
                directory,
                settings,
                forwarder,
                settle_ms=0,
                keep_entries=5,
                keep_ms=0,
            )
            with contextlib.suppress(RuntimeError, Unavailable):
                await sweep(dying)

    deaths: set[int] = set()
    work = [asyncio.create_task(archive()) for _ in range(2)]
    acked = [(await insist(entries, channel, f"c{n}")).seq for n in range(600)]
    stop.set()
    await asyncio.gather(*work)
    assert deaths == {0, 1, 2}
    await sweep(archiver_of(connection, store, directory, settings))
    assert await archived(store, channel) == acked


async def test_kill_9_costs_nothing(entries, connection, store, directory, settings, channel):
    """An archiving process killed at any moment, again and again, leaves an archive that the next one
    completes."""
    chance, acked = random.Random(3), []
    command = [
        sys.executable,
        "-m",
        "tests.realtime.archiving",
        str(settings.data),
        str(settings.run),
        "x" * 43,
        channel,
    ]
    for _ in range(6):
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        await asyncio.wait_for(process.stdout.readline(), 20)  # type: ignore[union-attr]
        end = asyncio.get_running_loop().time() + chance.uniform(0.02, 0.4)
        while asyncio.get_running_loop().time() < end:
            acked += [
                one.seq
                for one in await asyncio.gather(*(insist(entries, channel, new_id("evt")) for _ in range(20)))
            ]
        process.kill()
        await process.wait()
    assert 0 < len(await archived(store, channel)) <= len(acked)
    await asyncio.sleep(0.002)
    await sweep(archiver_of(connection, store, directory, settings))
    assert await archived(store, channel) == sorted(
        acked
    )  # those that race to open the channel are not answered in order


async def test_a_mark_of_another_log_is_refused(entries, connection, store, directory, settings, channel):
    """A Redis that was emptied or rolled back below the archived mark is not trimmed; a new epoch opens above
    the archive."""
    for n in range(20):
        await put(entries, channel, f"c{n}")
    keys = keys_of(channel)
    await connection.link().ask(
        "HSET", keys.meta, "seq", 15
    )  # rolled back: entries above it are not this log's
    await sweep(archiver_of(connection, store, directory, settings))
    assert await length(connection, channel) == 20
    await connection.link().ask("FLUSHALL")
    stored = await put(entries, channel, "new")
    assert stored.seq == 20 + JUMP + 1
    await sweep(archiver_of(connection, store, directory, settings))
    assert await archived(store, channel) == [*range(1, 21), stored.seq]


async def test_an_unreachable_archive_opens_nothing(connection, channel):
    """While documents can't be read an emptied Redis answers unavailable instead of beginning at 1."""

    async def unknown(_: str) -> ArchivedState:
        raise Unavailable("The document store does not answer.")

    with pytest.raises(Unavailable):
        await put(ChannelLog(connection, 100, unknown), channel, "c1")
    assert await length(connection, channel) == 0


async def test_deletions_reach_the_archive(entries, connection, store, directory, settings, channel):
    """A deletion in the log marks the archived message, and a restoration unmarks it."""
    stored = await put(entries, channel, "c1")
    target = {"epoch": stored.epoch, "seq": stored.seq}

    async def tell(kind: str, deleted: bool) -> None:
        body = tail(
            new_id("evt"), kind, channel, {"message": stored.id, "target": target, "deleted": deleted}
        )
        await entries.append(
            channel, kind=kind, entry_id=new_id("evt"), cid=new_id("evt"), rate=NO_RATE, tail=body
        )

    for kind, deleted in (("chat.message.deleted", True), ("chat.message.updated", False)):
        await tell(kind, deleted)
        await sweep(archiver_of(connection, store, directory, settings))
        assert (await Archive(store).below(channel, 2, 10))[0]["deleted"] is deleted


async def test_shadow_banned_messages_are_archived_beside(house: House):
    """They outlive Redis, marked for moderators, plain for their sender, unseen by all others; once they are
    moved, once shown."""
    channel = house.directory.new_stream("app_1")["channel"]
    node = await house.node()
    mod = await house.client(node, "app_1", "mod", roles={channel: "moderator"})
    bob, ann = await house.client(node, "app_1", "bob"), await house.client(node, "app_1", "ann")
    await ann.send(channel, "a1", "one")
    assert (await mod.call("chat.command", channel=channel, text="/shadowban @id:bob"))["ok"]
    for n in range(3):
        assert (await bob.send(channel, f"b{n}", f"psst {n}"))["ok"]
    archiver = archiver_of(node.room._connection, node.services.store, house.directory, house.settings)

    async def seen(client) -> list[tuple[str, bool]]:
        page = await client.call("chat.history", channel=channel, limit=50)
        return [(one["text"], one.get("shadow", False)) for one in page["messages"]]

    hidden = [f"psst {n}" for n in range(3)]
    for _ in range(2):
        assert await seen(ann) == [("one", False)]
        assert await seen(bob) == [("one", False), *((text, False) for text in hidden)]
        assert await seen(mod) == [("one", False), *((text, True) for text in hidden)]
        await sweep(archiver)
        assert await node.room._connection.link().ask("XLEN", keys_of(channel).shadow) == 0
        assert await node.services.store.app("app_1").count(SHADOWED) == 3
    house.redis.command("FLUSHALL")
    assert [text for text, marked in await seen(mod) if marked] == hidden
    assert await node.room._connection.link().ask("ZCARD", keys_of(channel).dirty) == 0


async def test_old_messages_are_forgotten(entries, connection, store, directory, settings, channel):
    """Retention removes what is older than the setting and nothing else."""
    stored = await put(entries, channel, "c1")
    archiver = archiver_of(connection, store, directory, settings)
    await sweep(archiver)
    await archiver.forget()
    assert await archived(store, channel) == [1]
    old = now_ms() - (settings.keep_messages_days + 1) * 86_400_000
    await store.operator().update(MESSAGES, f"{channel}.{stored.epoch}.1", set={"at": old})
    await archiver.forget()
    assert await archived(store, channel) == []


async def test_history_has_no_seam_while_the_log_is_trimmed(house: House):
    """Readers that page back amid writing, archiving and trimming get every message once; also after Redis
    was emptied."""
    channel = house.directory.new_stream("app_1")["channel"]
    node = await house.node()
    room, ann = node.room, await house.client(node, "app_1", "ann")
    archiver = archiver_of(room._connection, node.services.store, house.directory, house.settings)
    stop = asyncio.Event()

    async def archive() -> None:
        while not stop.is_set():
            await sweep(archiver)

    async def read() -> list[str]:
        cids: list[str] = []
        before = None
        while True:
            page = await ann.call(
                "chat.history", channel=channel, limit=200, **({"before": before} if before else {})
            )
            assert page["ok"], page
            cids = [message["cid"] for message in page["messages"]] + cids
            before = page["next"]
            if before is None:
                return cids

    working = asyncio.create_task(archive())
    sent = 0
    for _ in range(25):
        acks = await asyncio.gather(*(ann.send(channel, f"c{n}") for n in range(sent, sent + 40)))
        assert all(ack["ok"] for ack in acks)
        sent += 40
        cids = await read()
        assert sorted(cids, key=lambda cid: int(cid[1:])) == [f"c{n}" for n in range(sent)]
        assert len(cids) == sent
    stop.set()
    await working
    joined = await ann.join(channel)
    assert len(joined["messages"]) == 50  # ten of them are in the log
    await sweep(archiver)
    house.redis.command("FLUSHALL")
    assert (await ann.send(channel, "after"))["ok"]
    assert set(await read()) == {*(f"c{n}" for n in range(sent)), "after"}
