"""The web server with the configuration that Weir writes, before an application that only keeps what it is
sent, byte for byte."""

import contextlib
import http.client
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.support.servers import answers, free_port, wait_until
from weir import server_configs
from weir.foundation.settings import Settings, search_path
from weir.foundation.vault import open_vault

DECISION = b"GET /internal/hls_access "
ALLOWED = b"HTTP/1.1 204 No Content\r\nX-Weir-Session: ses_1\r\nX-Accel-Expires: 0\r\n\r\n"
ANSWERED = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Answer = Callable[[bytes], bytes]


def usual(request: bytes) -> bytes:
    return ALLOWED if request.startswith(DECISION) else ANSWERED


class Recorder:
    """Answers everything that ends in an empty line. `lines` has all bytes of each connection, with
    bodies."""

    def __init__(self, path: Path, answer: Answer) -> None:
        self._answer, self.lines = answer, list[bytearray]()
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen(512)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._server.accept()[0],), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        kept, done = bytearray(), 0
        self.lines.append(kept)
        with line, contextlib.suppress(OSError):
            while data := line.recv(65536):
                kept += data
                while (end := kept.find(b"\r\n\r\n", done)) >= 0:
                    line.sendall(self._answer(bytes(kept[done : end + 4])))
                    done = end + 4

    def requests(self) -> list[bytes]:
        """Each with its head's last line end, from all connections; what is no whole head is the last one of
        its connection."""
        return [request for line in list(self.lines) for request in bytes(line).split(b"\r\n\r\n") if request]

    def forget(self) -> None:
        """Connections stay, so later bytes must not be taken for the end of an earlier request."""
        for line in self.lines:
            assert line.endswith(b"\r\n\r\n") or not line, bytes(line)
        self._forgotten = [len(line) for line in self.lines]

    def since(self) -> list[bytes]:
        """The requests since `forget`."""
        before = [*self._forgotten, *[0] * (len(self.lines) - len(self._forgotten))]
        found = [bytes(line[start:]) for line, start in zip(list(self.lines), before, strict=False)]
        return [request for new in found for request in new.split(b"\r\n\r\n") if request]

    def close(self) -> None:
        self._server.close()


class WebFront:
    """`settings` are names of Settings. `send` writes exactly these bytes and returns the answer."""

    def __init__(self, folder: Path, answer: Answer = usual, **settings: Any) -> None:
        self.settings = Settings(
            data_dir=folder / "var", run_dir=folder / "run", live_dir=folder / "live", http_port=free_port(), https_port=free_port(),
            _env_file=None, **settings,
        )  # fmt: skip
        for path in (self.settings.data, self.settings.run, self.settings.live):
            path.mkdir()
        self.vault = open_vault(self.settings)
        self.secret = server_configs.internal_secret(self.vault, self.settings)
        self.upstream = Recorder(self.settings.app_socket, answer)
        self.config = server_configs.write_web(self.settings, self.vault)
        self.log = folder / "web.log"
        with self.log.open("wb") as log:
            argv = ["nginx", "-e", "stderr", "-p", str(self.settings.run), "-c", str(self.config)]
            self._process = subprocess.Popen(argv, env={"PATH": search_path()}, stderr=log)
        wait_until(lambda: self._up() or self._process.poll() is not None, "nginx")
        assert self._process.poll() is None, self.log.read_text()
        if self.settings.edge == "nchan":
            wait_until(lambda: answers(self.settings.edge_socket), "nginx' door for playlists")

    def _up(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.settings.http_port)) == 0

    def line(self, source: str = "127.0.0.1", tls: bool = False) -> socket.socket:
        port = self.settings.https_port if tls else self.settings.http_port
        line = socket.create_connection(("127.0.0.1", port), 15, source_address=(source, 0))
        return ssl._create_unverified_context().wrap_socket(line) if tls else line

    def send(self, request: bytes, source: str = "127.0.0.1") -> bytes:
        with self.line(source) as line:
            line.sendall(request)
            got = b""
            with contextlib.suppress(ConnectionResetError):
                while data := line.recv(65536):
                    got += data
            return got

    def ask(
        self, path: str, source: str = "127.0.0.1", method: str = "GET", **headers: str
    ) -> http.client.HTTPResponse:
        """Header names with _ for -. The answer's body is in `.content`."""
        with self.line(source) as line:
            named = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
            line.sendall(
                f"{method} {path} HTTP/1.1\r\nHost: weir.test\r\n{named}Connection: close\r\n\r\n".encode()
            )
            reply = http.client.HTTPResponse(line, method=method)
            reply.begin()
            reply.content = reply.read()  # type: ignore[attr-defined]
            return reply

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        self.upstream.close()


@contextlib.contextmanager
def web_front(folder: Path, answer: Answer = usual, **settings: Any) -> Iterator[WebFront]:
    front = WebFront(folder, answer, **settings)
    try:
        yield front
    finally:
        front.stop()
