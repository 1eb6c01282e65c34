"""Fan-out: sends one envelope to all members of a channel on this node.

    manager          whom: rooms of channels, for python-socketio               → Fanout
    coalescing       when: at once, or together with the next frames
    room             in which order: members, and frames that wait for them
    fast_socket      one client's socket, written to without tasks and queues
    stock_socket     polling clients, upgrades, TLS and compression: python-engineio's own path
    engine           who gets which of the two                                  → EngineServer
    protocol         uvicorn's WebSocket, opened for ready-made frames          → RawProtocol
    packet_guard     bounds and checks what clients send
    library_check    whether these versions of the libraries are the right ones
    packets, ws_frames   bytes

docs/performance.md has the figures.
"""

from realtime.fanout.engine import EngineServer
from realtime.fanout.manager import NAMESPACE, Fanout
from realtime.fanout.packets import Packet
from realtime.fanout.protocol import RawProtocol

__all__ = ["NAMESPACE", "EngineServer", "Fanout", "Packet", "RawProtocol"]
