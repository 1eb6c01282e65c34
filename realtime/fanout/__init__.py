"""Fan-out: how one envelope reaches all members of a channel on this node.

    manager    whom: rooms of channels, for python-socketio              → Fanout
    pace       when: at once, or after a rest
    room       in which order: members, and frames that wait for them
    lean       how: one client's socket, written to without tasks and queues
    queued     how, for polling clients, upgrades, TLS and compression: python-engineio's own path
    engine     who gets which of the two                                 → Engine
    protocol   uvicorn's WebSocket, opened for ready-made frames         → RawProtocol
    selfcheck  whether these versions of the libraries are the right ones
    packets, frame   bytes

The figures behind it are in docs/performance.md.
"""

from realtime.fanout.engine import EngineServer
from realtime.fanout.manager import NAMESPACE, Fanout
from realtime.fanout.packets import Packet
from realtime.fanout.protocol import RawProtocol

__all__ = ["NAMESPACE", "EngineServer", "Fanout", "Packet", "RawProtocol"]
