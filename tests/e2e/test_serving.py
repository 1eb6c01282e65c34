"""The web server's choices: TLS with HTTP/2, and blocking reloads that nginx holds itself (nchan)."""

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e.browsing import VIDEO, Viewer
from tests.e2e.conftest import SMALL, Show
from tests.support.running_stack import RunningStack, children_of
from tests.support.servers import self_signed, wait_until

COUNT_WAITS = "(name) => { window.__waits = 0; document.querySelector(name).addEventListener('waiting', () => window.__waits++) }"
HELD_BY_NGINX = "\netag: "
"""A header that nchan sends and the origin does not."""


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Show]:
    """On air over TLS, with blocking reloads in nginx."""
    certificate, key = self_signed(tmp_path_factory.mktemp("tls"))
    stack = RunningStack(
        **{**SMALL, "RECONNECT_GRACE_S": 30}, EDGE="nchan", TLS_CERTIFICATE=certificate, TLS_KEY=key
    ).start()
    show = Show(stack)
    publisher = show.publish()
    show.wait_state("live")
    yield show
    publisher.stop()
    stack.remove()


def curl(show: Show, path: str, *options: str, seconds: float = 15) -> str:
    """Headers in lower case and body."""
    url = path if "://" in path else show.stack.address + path
    argv = ["curl", "--silent", "--insecure", "--include", "--max-time", str(seconds), *options, url]
    head, _, body = (
        subprocess.run(argv, capture_output=True, text=True, check=False)
        .stdout.replace("\r", "")
        .partition("\n\n")
    )
    return head.lower() + "\n\n" + body


def position(playlist: str) -> tuple[int, int]:
    """(MSN, part) that the playlist says comes next."""
    found = re.search(r'PRELOAD-HINT:TYPE=PART,URI="p_[A-Za-z0-9]+_v360_(\d+)_(\d+)\.m4s"', playlist)
    assert found, playlist
    return int(found[1]), int(found[2])


def reload(
    show: Show,
    msn: int,
    part: int,
    more: str = "",
    token: str | None = None,
    seconds: float = 15,
    log: Path | None = None,
) -> str:
    """`log` has what curl reports, as it happens."""
    words = ["--verbose", "--stderr", str(log)] if log else []
    path = f"{show.url('v360.m3u8', token)}?_HLS_msn={msn}&_HLS_part={part}{more}"
    return curl(show, path, *words, seconds=seconds)


def test_http_sends_browsers_to_tls(secure: Show) -> None:
    """A redirect that keeps method and path; what comes by TLS speaks HTTP/2 and binds the browser to it."""
    answer = curl(secure, f"http://127.0.0.1:{secure.stack.http}/v1/streams?limit=1")
    assert answer.startswith("http/1.1 308")
    assert f"\nlocation: {secure.stack.address}/v1/streams?limit=1\n" in answer
    for path in (f"/watch/{secure.playback}", "/readyz", "/v1/openapi.json", "/v1/asyncapi.json"):
        answer = curl(secure, path, "--http2")
        assert answer.startswith("http/2 200"), path
        assert "\nstrict-transport-security: max-age=31536000" in answer, path
    assert secure.card["watch"].startswith("https://")
    refused = subprocess.run(
        ["curl", "-sk", "--tls-max", "1.1", secure.stack.address + "/readyz"],
        capture_output=True,
        check=False,
    )
    assert refused.returncode != 0, "old TLS"


def test_without_a_certificate_nothing_speaks_of_tls(show: Show) -> None:
    """A browser with an HSTS header would be locked out."""
    assert "strict-transport-security" not in curl(show, f"/watch/{show.playback}").partition("\n\n")[0]


def test_nginx_holds_the_next_position_and_only_that(secure: Show) -> None:
    """It is answered with its part. What has been, is too far or asked in another form gets what the origin
    says, at once."""
    playlist = secure.text(secure.url("v360.m3u8"))
    msn, part = position(playlist)
    answer = reload(secure, msn, part)
    assert HELD_BY_NGINX in answer
    assert f"_v360_{msn}_{part}.m4s" in answer
    assert "\naccess-control-allow-origin: *" in answer
    assert "\ncache-control: private, no-store" in answer
    for _ in range(4):
        msn, part = position(answer)
        answer = reload(secure, msn, part)
        assert position(answer) > (msn, part)
    for old in (msn - 1, msn - 4, 1):
        late = reload(secure, old, 0)
        assert HELD_BY_NGINX not in late
        assert position(late) >= (msn, part), "the present playlist, not that of then"
    msn = position(late)[0]
    assert reload(secure, msn + 9, 0).startswith("http/2 400")
    assert reload(secure, msn, 0, "&_HLS_skip=YES").startswith("http/2 200")
    assert position(curl(secure, f"{secure.url('v360.m3u8')}?_HLS_msn={msn}"))[0] > msn
    assert reload(secure, *position(reload(secure, 1, 0)), token="x").startswith("http/2 403")


def test_who_is_held_while_the_packager_dies_is_answered_by_the_next(secure: Show, tmp_path: Path) -> None:
    """kill -9: no request waits for the part that its process would have made. Names of the next run are
    others: no cache mixes them up."""
    before, token = secure.text(secure.url("v360.m3u8")), secure.token()
    msn, part = position(reload(secure, *position(before), token=token))
    with ThreadPoolExecutor(3) as pool:
        logs = [tmp_path / f"curl{number}" for number in range(3)]
        held = [pool.submit(reload, secure, msn, part, token=token, seconds=25, log=log) for log in logs]
        for log in logs:  # their part comes .333 s after the one before it
            wait_until(lambda log=log: log.exists() and "> GET" in log.read_text(), "a reload that is asked")
        os.kill(secure.stack.pid_of("weir run all"), signal.SIGKILL)
        for one in held:
            assert one.result().startswith("http/2 200")
    wait_until(lambda: "PRELOAD-HINT" in secure.text(secure.url("v360.m3u8")), "the next run", 30)
    again = reload(secure, *position(secure.text(secure.url("v360.m3u8"))))
    assert HELD_BY_NGINX in again
    assert set(re.findall(r"p_([A-Za-z0-9]+)_v360_", again)).isdisjoint(
        re.findall(r"p_([A-Za-z0-9]+)_v360_", before)
    )


@contextlib.contextmanager
def impatient(show: Show) -> Iterator[None]:
    """nginx holds a reload for one second only."""
    path, master = show.stack.run / "web.conf", show.stack.pid_of("web.conf")
    written = path.read_text()
    assert "nchan_subscriber_timeout 20s;" in written
    for text in (written.replace("nchan_subscriber_timeout 20s;", "nchan_subscriber_timeout 1s;"), written):
        workers = children_of(master)
        path.write_text(text)
        os.kill(master, signal.SIGHUP)
        wait_until(lambda workers=workers: not workers & children_of(master), "nginx' new workers", 20)
        if text is not written:
            yield


def test_a_browser_plays_on_when_nginx_gives_a_reload_up(secure: Show, browser: Browser) -> None:
    """408 is nchan's answer to who waits for too long; it is asked anew, and who has a picture to show sees
    nothing of it."""
    viewer = Viewer(browser, "about:blank", ignore_https_errors=True)
    reloads: list[int] = []
    with impatient(secure):
        viewer.page.on("response", lambda one: reloads.append(one.status) if "_HLS_msn=" in one.url else None)
        viewer.page.goto(secure.card["watch"])
        wait_until(lambda: viewer.seconds_played() > 12, "some seconds to go back to", 60)
        for _ in range(2):
            viewer.page.keyboard.press("ArrowLeft")
        viewer.page.wait_for_timeout(1500)
        viewer.page.evaluate(COUNT_WAITS, VIDEO)
        began, played = time.monotonic(), viewer.seconds_played()
        secure.publisher.freeze()
        wait_until(lambda: viewer.page.wait_for_timeout(100) or reloads[-1] == 408, "408", 10)
        viewer.page.wait_for_timeout(1000)
        secure.publisher.go_on()
        wait_until(
            lambda: viewer.page.wait_for_timeout(100) or reloads[-5:] == [200] * 5,
            "reloads that are held again",
            20,
        )
        assert (viewer.page.evaluate("window.__waits"), viewer.errors) == (0, [])
        assert viewer.seconds_played() - played > 0.9 * (time.monotonic() - began)
        viewer.close()


def test_a_browser_plays_what_nginx_holds(secure: Show, browser: Browser) -> None:
    """Over TLS: without a stall, on after the packager's end, and a withdrawn session is refused within ten
    seconds."""
    viewer = Viewer(browser, "about:blank", ignore_https_errors=True)
    answers: list[tuple[float, int, str]] = []
    viewer.page.on("response", lambda one: answers.append((time.monotonic(), one.status, one.url)))
    sids: list[str] = []
    viewer.page.on(
        "response",
        lambda one: sids.append(one.json()["playback_token"]) if one.url.endswith("/session") else None,
    )
    viewer.page.goto(secure.card["watch"])
    wait_until(lambda: viewer.seconds_played() > 4, "the picture", 40)
    viewer.page.evaluate(COUNT_WAITS, VIDEO)
    for _ in range(3):  # a machine that is busy with something else may take one window, not three
        began, played, waits = (
            time.monotonic(),
            viewer.seconds_played(),
            viewer.page.evaluate("window.__waits"),
        )
        viewer.page.wait_for_timeout(6000)
        share = (viewer.seconds_played() - played) / (time.monotonic() - began)
        if share >= 0.9 and viewer.page.evaluate("window.__waits") == waits:
            break
    else:
        raise AssertionError(f"{share:.2f} of real time, {viewer.page.evaluate('window.__waits')} stalls")
    os.kill(secure.stack.pid_of("weir run all"), signal.SIGKILL)
    played = viewer.seconds_played()
    wait_until(
        lambda: viewer.page.wait_for_timeout(200) or viewer.seconds_played() > played + 8,
        "the picture after the kill",
        60,
    )
    assert not [one for one in answers if one[1] == 408]
    tenant = secure.tokens.mint("weir:app", 600, sub="acc_test", app=secure.app, role="owner")
    sid = secure.claims(sids[-1])["sid"]
    assert (
        secure.stack.ask("POST", "/v1/revocations", {"session": sid}, {"Authorization": f"Bearer {tenant}"})[
            0
        ]
        == 201
    )
    began = time.monotonic()
    wait_until(
        lambda: viewer.page.wait_for_timeout(200) or any(s == 403 and at > began for at, s, _ in answers),
        "the refusal",
        10,
    )
    wait_until(lambda: "withdrawn" in viewer.page.inner_text("body").lower(), "the words", 25)
    assert viewer.errors == []
    viewer.close()
