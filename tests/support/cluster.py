"""A Redis Cluster of three masters on this machine, for tests: made, moved about and broken by hand."""

import contextlib
import socket
import subprocess
from pathlib import Path

from realtime.redis.slots import SLOTS
from tests.support.servers import free_port, wait_until

MASTERS = 3


class ClusterNode:
    def __init__(self, folder: Path, password: str) -> None:
        self.port, self.bus, self.name, self._folder, self._password = (
            free_port(),
            free_port(),
            "",
            folder,
            password,
        )
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir()

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--requirepass", self._password,
             "--masterauth", self._password, "--cluster-enabled", "yes", "--cluster-port", str(self.bus),
             "--cluster-node-timeout", "1000", "--cluster-require-full-coverage", "no", "--dir", str(self._folder),
             "--logfile", "log", "--save", "", "--appendonly", "yes", "--appendfsync", "always"],
        )  # fmt: skip
        wait_until(lambda: self.ask("PING") == "+PONG", f"redis on {self.port}")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def ask(self, *words: str) -> str:
        """One command's reply in RESP, without the last line's end; empty when the server is not there."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5) as line:
            reader = line.makefile("rb")
            for one in (("AUTH", self._password), words):
                line.sendall(
                    b"*%d\r\n" % len(one)
                    + b"".join(b"$%d\r\n%b\r\n" % (len(word.encode()), word.encode()) for word in one)
                )
                reply = reader.readline().rstrip()
                if reply[:1] == b"$" and reply != b"$-1":
                    reply = reader.read(int(reply[1:]) + 2)[:-2]
            return reply.decode()
        return ""


class RedisCluster:
    """Slots lie in three equal ranges."""

    def __init__(self, folder: Path, password: str) -> None:
        self.password = password
        self.nodes = [ClusterNode(folder / f"node{number}", password) for number in range(MASTERS)]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"redis+cluster://:{self.password}@{hosts}"

    def start(self) -> None:
        edges = [SLOTS * number // MASTERS for number in range(MASTERS + 1)]
        for number, node in enumerate(self.nodes):
            node.start()
            node.name = node.ask("CLUSTER", "MYID")
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", str(number + 1))
            node.ask("CLUSTER", "ADDSLOTSRANGE", str(edges[number]), str(edges[number + 1] - 1))
        for node in self.nodes[1:]:
            node.ask("CLUSTER", "MEET", "127.0.0.1", str(self.nodes[0].port), str(self.nodes[0].bus))
        self.settled()

    def settled(self) -> None:
        for node in self.nodes:
            wait_until(lambda node=node: self._whole(node), "a whole cluster")

    def _whole(self, node: ClusterNode) -> bool:
        told = node.ask("CLUSTER", "INFO")
        return (
            "cluster_state:ok" in told
            and f"cluster_slots_ok:{SLOTS}" in told
            and f"cluster_known_nodes:{MASTERS}" in told
        )

    def owner(self, slot: int) -> ClusterNode:
        return self.nodes[next(number for number in range(MASTERS) if slot < SLOTS * (number + 1) // MASTERS)]

    def move(self, slot: int, source: ClusterNode, target: ClusterNode) -> None:
        """As redis-cli's reshard does: key by key, while both serve."""
        target.ask("CLUSTER", "SETSLOT", str(slot), "IMPORTING", source.name)
        source.ask("CLUSTER", "SETSLOT", str(slot), "MIGRATING", target.name)
        for key in self.keys(slot, source):
            source.ask("MIGRATE", "127.0.0.1", str(target.port), key, "0", "5000", "AUTH", self.password)
        for node in (target, source, *self.nodes):
            node.ask("CLUSTER", "SETSLOT", str(slot), "NODE", target.name)

    def keys(self, slot: int, node: ClusterNode) -> list[str]:
        client = ["redis-cli", "-p", str(node.port), "--no-auth-warning", "-a", self.password]
        command = [*client, "CLUSTER", "GETKEYSINSLOT", str(slot), "10000"]
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.split()

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()
