"""An app's own web page, at an origin of its own: it plays, and it chats, once the app lists that origin."""

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.e2e.conftest import Show
from tests.support.servers import wait_until

PACKAGES = Path(__file__).resolve().parents[2] / "player" / "node_modules"
PAGE = """<!doctype html>
<title>Shop</title>
<video id="video" muted playsinline></video>
<script src="/hls.js"></script>
<script src="/socket.io.js"></script>
<script>
const server = new URLSearchParams(location.search).get('server');
const playback = new URLSearchParams(location.search).get('playback');
window.heard = []; window.state = 'connecting';
(async () => {
  const asked = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' };
  const answer = await fetch(`${server}/v1/watch/${playback}/session`, asked);
  const session = await answer.json();
  const hls = new Hls();
  hls.on(Hls.Events.ERROR, (_, data) => window.heard.push(`hls ${data.details}`));
  hls.loadSource(`${server}/hls/${session.playback_token}/${playback}/master.m3u8`);
  hls.attachMedia(document.getElementById('video'));
  hls.on(Hls.Events.MANIFEST_PARSED, () => document.getElementById('video').play());
  const socket = io(server, { transports: ['websocket'], auth: { token: session.user_token } });
  socket.on('connect_error', (error) => { window.state = error.data ? error.data.code : error.message; });
  socket.on('chat.message.new', (message) => window.heard.push(message.text));
  socket.on('connect', async () => {
    const joined = await socket.emitWithAck('channel.join', { channel: session.channel });
    window.state = joined.ok ? 'joined' : joined.error.code;
    window.say = (text, cid) => socket.emitWithAck('chat.send', { channel: session.channel, cid, text });
  });
})().catch((error) => { window.state = String(error); });
</script>
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[str]:
    """The origin of another web server, with a page that uses the official clients."""
    (tmp_path / "index.html").write_text(PAGE)
    (tmp_path / "hls.js").write_bytes((PACKAGES / "hls.js/dist/hls.min.js").read_bytes())
    (tmp_path / "socket.io.js").write_bytes(
        (PACKAGES / "socket.io-client/dist/socket.io.min.js").read_bytes()
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_an_apps_own_page_plays_and_chats(live: Show, browser: Browser, shop: str) -> None:
    """Refused while the origin is not the app's; then the picture runs, and a message that is sent
    arrives."""
    show, context = live, browser.new_context()
    page = context.new_page()
    address = f"{shop}/?server={show.stack.address}&playback={show.playback}"
    page.goto(address)
    wait_until(lambda: page.evaluate("window.state") not in ("connecting", "joined"), "a refusal")
    assert page.evaluate("document.querySelector('video').currentTime") == 0

    status, changed = show.stack.ask(
        "PATCH", f"/v1/apps/{show.app}", {"origins": [shop]}, headers=show.owner()
    )
    assert status == 200, changed

    def joined() -> bool:
        page.goto(address)
        page.wait_for_function("window.state !== 'connecting'")
        return bool(page.evaluate("window.state") == "joined")

    wait_until(joined, "the socket of the app's own page", 30)
    wait_until(lambda: page.evaluate("document.querySelector('video').currentTime") > 1, "the picture", 30)
    assert page.evaluate("window.say('Is it in stock?', 'c1')")["ok"] is True
    wait_until(lambda: "Is it in stock?" in page.evaluate("window.heard"), "the message")
    assert [word for word in page.evaluate("window.heard") if word.startswith("hls ")] == []
    context.close()
