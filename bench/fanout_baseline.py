"""Servers for bench/fanout.py that have no log and no sign-in: `python -m bench.fanout_baseline stock|fanout PORT`.

`stock` is python-socketio on uvicorn as their documentation shows it; `fanout` is the same on Weir's
fan-out, to compare what a room and per-client emits cost without the rest of Weir.
"""

import sys
from typing import Any

import orjson
import socketio
import uvicorn

from realtime.fanout import EngineServer, Fanout, Packet, RawProtocol
from weir.app import tune_gc
from weir.foundation.clock import now_ms, rfc3339

NEW = "chat.message.new"
OK = {"ok": True}


class Messages:
    def __init__(self) -> None:
        self._seq = 0

    def next(self, message: dict[str, Any]) -> dict[str, Any]:
        self._seq += 1
        return {
            "epoch": "abcdefgh", "seq": self._seq, "at": rfc3339(now_ms()), "id": f"msg_{self._seq:026d}", "type": NEW,
            "channel": message["channel"], "cid": message["cid"],
            "user": {"id": "usr_1", "name": "Somebody", "role": "owner", "badges": []}, "text": message["text"],
        }  # fmt: skip


class FastServer(socketio.AsyncServer):
    def _engineio_server_class(self) -> type[EngineServer]:
        return EngineServer


def stock() -> Any:
    server, messages, members = (
        socketio.AsyncServer(async_mode="asgi", transports=["websocket"]),
        Messages(),
        dict[str, None](),
    )

    @server.on("channel.join")
    async def join(sid: str, message: dict[str, Any]) -> dict[str, Any]:
        members[sid] = None
        await server.enter_room(sid, message["channel"])
        return OK

    @server.on("channel.leave")
    async def leave(sid: str, message: dict[str, Any]) -> dict[str, Any]:
        await server.leave_room(sid, message["channel"])
        return OK

    @server.on("chat.send")
    async def send(sid: str, message: dict[str, Any]) -> dict[str, Any]:
        await server.emit(NEW, messages.next(message), room=message["channel"])
        return OK

    @server.on("each")
    async def each(sid: str, message: dict[str, Any]) -> dict[str, Any]:
        made = messages.next(message)
        for one in members:
            await server.emit(NEW, made, to=one)
        return OK

    return server


def fanout() -> Any:
    manager, messages, members = Fanout(), Messages(), dict[str, None]()
    server = FastServer(
        client_manager=manager, serializer=Packet, async_mode="asgi", transports=["websocket"]
    )

    @server.on("channel.join")
    async def join(sid: str, message: dict[str, Any]) -> dict[str, Any]:
        members[sid] = None
        manager.enter(sid, message["channel"])
        return OK

    @server.on("channel.leave")
    async def leave(sid: str, message: dict[str, Any]) -> dict[str, Any]:
        manager.leave(sid, message["channel"])
        return OK

    @server.on("chat.send")
    async def send(sid: str, message: dict[str, Any]) -> dict[str, Any]:
        manager.deliver(message["channel"], NEW, orjson.dumps(messages.next(message)))
        return OK

    @server.on("each")
    async def each(sid: str, message: dict[str, Any]) -> dict[str, Any]:
        made = messages.next(message)
        for one in members:
            manager.send_to(one, NEW, orjson.dumps(made))
        return OK

    return server


def main() -> None:
    kind, port = sys.argv[1], int(sys.argv[2])
    fast = kind == "fanout"
    application = socketio.ASGIApp(fanout() if fast else stock())
    if fast:
        tune_gc()
    options: dict[str, Any] = {"ws": RawProtocol, "ws_per_message_deflate": False} if fast else {}
    uvicorn.run(
        application, host="127.0.0.1", port=port, log_level="warning", loop="uvloop", backlog=4096, **options
    )


if __name__ == "__main__":
    main()
