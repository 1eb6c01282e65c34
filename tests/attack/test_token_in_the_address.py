"""Line ends, lengths and whole requests hidden in a playback token: no client plays, requests or reads what
is another one's."""

import http.client
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.attack.conftest import Target
from tests.e2e.publisher import Publisher
from tests.support.servers import wait_until

Doc = dict[str, Any]
FORGED = "203.0.113.77"


@pytest.fixture(scope="module")
def victim(target: Target) -> Iterator[Doc]:
    """A signed stream of the owner's app, on air, with the token of a viewer who paid."""
    stream = target.new_stream(title="Paid", visibility="signed")
    publisher = Publisher(f"{stream['server']}/{stream['key']}")
    state = lambda: target.stack.ask("GET", f"/v1/streams/{stream['id']}", headers=target.opened())[1][
        "state"
    ]
    wait_until(lambda: state() == "live", "the signed stream", 60)
    token = target.stack.ask("POST", f"/v1/streams/{stream['id']}/playback-tokens", {}, target.opened())[1][
        "token"
    ]
    yield {**stream, "token": token}
    publisher.stop()


@pytest.fixture(scope="module")
def outsider(target: Target) -> Doc:
    """A public stream of another app, and the token that anybody gets for it."""
    stream = target.new_stream(target.new_app(), visibility="public")
    session = target.stack.ask("POST", f"/v1/watch/{stream['playback_id']}/session", {})[1]
    return {**stream, "token": session["playback_token"]}


def path(token: str, playback: str, file: str = "master.m3u8", *lines: str) -> str:
    return f"/hls/{token}{quote(''.join(chr(13) + chr(10) + line for line in lines))}/{playback}/{file}"


def asked(target: Target, what: bytes) -> tuple[int, bytes]:
    """On a line of its own, closed after the answer."""
    return target.answer(what.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))


def get(target: Target, where: str) -> int:
    return asked(target, f"GET {where} HTTP/1.1\r\nHost: weir\r\n\r\n".encode())[0]


def test_one_streams_token_opens_no_other(target: Target, victim: Doc, outsider: Doc) -> None:
    """With a second id or token hidden in it, before or after it, for every kind of file."""
    playback, token = victim["playback_id"], outsider["token"]
    for file in (
        "master.m3u8",
        "v360.m3u8",
        "p_x_v360_1_0.m4s",
        "s_x_v360_1.m4s",
        "i_x_v360.mp4",
        "k_x_1.key",
        "thumbnail.jpg",
    ):
        for lines in (
            [f"X-Playback-Id: {outsider['playback_id']}"],
            [f"X-Playback-Id: {outsider['playback_id']}", "X-Other: "],
            [f"X-Playback-Token: {victim['token']}"],
            [f"x-playback-id:{outsider['playback_id']}"],
        ):
            assert get(target, path(token, playback, file, *lines)) in (400, 403), (file, lines)
    assert get(target, path(token, outsider["playback_id"])) != 403, "its own stream"


def test_who_has_the_right_token_plays(target: Target, victim: Doc) -> None:
    """Of each kind that there is: ours, a secret's, Ed25519, RSA of 2048 and 4096 bits."""
    app = f"/v1/apps/{target.app}/keys"
    secret = target.new_key()
    edwards, rsa, long_rsa = (
        Ed25519PrivateKey.generate(),
        generate_private_key(65537, 2048),
        generate_private_key(65537, 4096),
    )
    signers: list[tuple[str, Any, str]] = [(secret["id"], secret["signing_secret"], "HS256")]
    for key, algorithm in ((edwards, "EdDSA"), (rsa, "RS256"), (long_rsa, "RS256")):
        pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        status, public = target.stack.ask(
            "POST", f"{app}/public", {"public_key": pem, "scopes": ["*"]}, target.account
        )
        assert status == 201, public
        signers.append((public["id"], key, algorithm))
    now = int(time.time())
    tokens = [victim["token"]]
    for issuer, key, algorithm in signers:
        claims = {
            "iss": issuer,
            "aud": "weir:playback",
            "app": target.app,
            "sub": victim["playback_id"],
            "sid": f"s_{algorithm}",
            "iat": now,
            "exp": now + 600,
        }
        tokens.append(jwt.encode(claims, key, algorithm))
        assert get(target, path(jwt.encode(claims, "k" * 40, "HS256"), victim["playback_id"])) == 403
    for token in tokens:
        assert get(target, path(token, victim["playback_id"])) == 200, jwt.get_unverified_header(token)
        assert get(target, path(token, victim["playback_id"], "v360.m3u8")) == 200


def test_an_altered_token_is_another_one(target: Target, victim: Doc) -> None:
    """Also while nginx still knows the decision about the right one: another word in it, another signature,
    or another algorithm."""
    header, payload, signature = victim["token"].split(".")
    claims = {
        **jwt.decode(victim["token"], options={"verify_signature": False}),
        "exp": int(time.time()) + 86_400,
    }
    longer = jwt.encode(claims, "k" * 40, "HS256").split(".")[1]
    none = jwt.encode(claims, None, "none").split(".")[0]  # type: ignore[arg-type]
    for wrong in (
        f"{header}.{longer}.{signature}", f"{none}.{payload}.{signature}", f"{header}.{payload}.{'A' * 43}",
        f"{header}.{payload}.{signature[:-1]}",
        f"{header}.{payload}.{signature}A", f"{header}.{payload}.{signature[::-1]}", f"{header}.{payload}.{signature[:-4]}AAAA",
        f"{header}.{payload}.B{signature[1:]}", f"{header}.{payload[:-1]}.{signature}", f"{header}x.{payload}.{signature}",
    ):  # fmt: skip
        assert get(target, path(victim["token"], victim["playback_id"])) == 200
        assert get(target, path(wrong, victim["playback_id"])) == 403, wrong


def hidden(target: Target, victim: Doc, smuggled: bytes, length: int = 700) -> tuple[int, bytes]:
    """A length in the token, then a request whose body is what the application would read next."""
    get(target, path("a.b.c", victim["playback_id"], "master.m3u8", f"Content-Length: {length}", "X: "))
    body = b"\r\n" * length + smuggled
    head = f"POST /v1/auth/login HTTP/1.1\r\nHost: weir\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return asked(target, head.encode() + body)


def test_no_request_hides_in_another(target: Target, victim: Doc) -> None:
    """The text of a body is not answered as a request: a playlist without a token, or an address of one's own
    choosing."""
    for _ in range(3):
        status, body = hidden(
            target,
            victim,
            f"GET /origin/{victim['playback_id']}/master.m3u8 HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
        )
        assert b"#EXTM3U" not in body
        assert status in (400, 401, 422), body
    key = target.new_key(scopes=["streams:read", "streams:write"])["api_key"]
    wish = json.dumps({"title": "smuggled"}).encode()
    head = f"POST /v1/streams HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nX-Forwarded-For: {FORGED}\r\n"
    head += "Content-Type: application/json\r\n"
    for _ in range(3):
        assert hidden(target, victim, head.encode() + b"Content-Length: %d\r\n\r\n" % len(wish) + wish)[
            0
        ] in (400, 401, 422)
    noted = target.stack.ask("GET", f"/v1/apps/{target.app}/audit?limit=200", headers=target.account)[1][
        "data"
    ]
    assert noted
    assert FORGED not in json.dumps(noted)


def test_everybody_gets_the_answer_to_the_own_question(target: Target, victim: Doc) -> None:
    """A quick and a held request in a row shift no answers: the owner signs in as the owner, the attacker not
    at all."""
    wait_until(
        lambda: "\ns_" in target.text(path(victim["token"], victim["playback_id"], "v360.m3u8")),
        "a segment",
        20,
    )
    text = target.text(path(victim["token"], victim["playback_id"], "v360.m3u8"))
    next_one = 2 + max(
        int(line.rpartition("_")[2].partition(".")[0]) for line in text.splitlines() if line.startswith("s_")
    )
    held = f"GET /origin/{victim['playback_id']}/v360.m3u8?_HLS_msn={next_one}&_HLS_part=0 HTTP/1.1\r\nHost: x\r\n\r\n"
    target.account  # noqa: B018 – the owner exists
    login = json.dumps({"email": "owner@weir.example", "password": "a long password"}).encode()
    owners = (
        b"POST /v1/auth/login HTTP/1.1\r\nHost: weir\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        % len(login)
        + login
    )
    with ThreadPoolExecutor(1) as pool:
        for _ in range(3):
            hidden(target, victim, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + held.encode())
            answer = pool.submit(asked, target, owners)
            time.sleep(0.05)  # it is on its way, after the held request
            stolen = asked(target, b"GET /v1/auth/options HTTP/1.1\r\nHost: weir\r\n\r\n")
            status, body = answer.result()
            assert (status, json.loads(body)["account"]["email"]) == (200, "owner@weir.example")
            assert b"access_token" not in stolen[1]


def test_a_line_that_says_too_much_is_closed(target: Target, victim: Doc) -> None:
    """After each attempt the same connection to us is still in step: the next question on it gets its own
    answer."""
    for lines in (
        ["Content-Length: 5"],
        ["Transfer-Encoding: chunked"],
        ["Connection: close"],
        ["Expect: 100-continue"],
    ):
        line = http.client.HTTPConnection("127.0.0.1", target.stack.http, timeout=15)
        line.request("GET", path("a.b.c", victim["playback_id"], "master.m3u8", *lines))
        first = line.getresponse()
        assert first.status in (400, 403)
        first.read()
        line.request("GET", "/healthz")
        assert json.loads(line.getresponse().read())["status"] == "ok"
        line.close()
