"""What one end user's upload token does to everybody else's uploads."""

import contextlib
import os
import socket
from base64 import b64encode
from collections import Counter
from pathlib import Path
from typing import Any

from tests.attack.conftest import Target
from tests.support.servers import wait_until
from weir.foundation.ids import new_id

TUS = {"Tus-Resumable": "1.0.0"}


def upload_token(target: Target, key: dict[str, str], user: str, **wanted: Any) -> dict[str, str]:
    status, answer = target.stack.ask("POST", "/v1/upload-tokens", {"user": user, **wanted}, key)
    assert status == 201, answer
    return {"Authorization": f"Bearer {answer['token']}"}


def begin(target: Target, bearer: dict[str, str], length: int = 1000) -> tuple[int, Any]:
    return target.stack.ask(
        "POST", "/v1/vod", headers={**bearer, **TUS, "Upload-Length": str(length), "Content-Type": ""}
    )


def test_one_user_does_not_switch_off_the_apps_uploads(target: Target) -> None:
    """A hundred begun and left: five are accepted, and the app and its other users can still upload."""
    key = {"Authorization": f"Bearer {target.new_key(scopes=['vod:write'])['api_key']}"}
    troll = new_id("usr")
    token = upload_token(target, key, troll)
    answers = [begin(target, token) for _ in range(100)]
    assert Counter(status for status, _ in answers) == {201: 5, 403: 95}
    assert {answer["code"] for status, answer in answers if status == 403} == {"quota_exceeded"}
    assert "5 of your uploads" in answers[-1][1]["detail"]
    assert begin(target, upload_token(target, key, troll))[0] == 403
    assert begin(target, key)[0] == 201
    assert begin(target, target.opened())[0] == 201
    assert begin(target, upload_token(target, key, new_id("usr")))[0] == 201


def test_finished_uploads_of_a_token_are_bounded_too(target: Target) -> None:
    """A client that finishes each of them at once gets no more than the token allows."""
    key = {"Authorization": f"Bearer {target.new_key(scopes=['vod:write'])['api_key']}"}
    token = upload_token(target, key, new_id("usr"))
    begun, refused = [], ""
    for _ in range(40):
        status, answer = target.stack.ask(
            "POST", "/v1/vod", headers={**token, **TUS, "Upload-Length": "4", "Content-Type": ""}
        )
        if status != 201:
            refused = answer["detail"]
            break
        begun.append(answer["id"])
        head = {**token, **TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        assert target.stack.ask("PATCH", f"/v1/vod/{answer['id']}", 1234, head)[0] == 204
    assert len(begun) == 20
    assert "for 20 uploads" in refused

    owner = target.opened()

    def all_decided() -> bool:
        listed = target.stack.ask("GET", "/v1/recordings?limit=100", None, owner)[1]["data"]
        states = {one["state"] for one in listed if one["id"] in begun}
        return states == {"failed"}

    wait_until(all_decided, "the refusal of what is no video", 60)
    assert begin(target, token)[0] == 403


def test_a_deleted_upload_takes_no_more_bytes(target: Target) -> None:
    """A client that deletes an upload while its body arrives can't fill the disk outside of all bounds."""
    key = {"Authorization": f"Bearer {target.new_key(scopes=['vod:write'])['api_key']}"}
    token = upload_token(target, key, new_id("usr"))
    length, app = 300_000_000, target.stack.pid_of("weir run")
    video = begin(target, token, length)[1]["id"]

    def unseen() -> int:
        """Bytes of files that the application has open and no file name leads to."""
        taken = 0
        for one in Path(f"/proc/{app}/fd").iterdir():
            with contextlib.suppress(OSError):
                taken += (
                    one.stat().st_size
                    if "(deleted)" in os.readlink(one) and "uploads" in os.readlink(one)
                    else 0
                )
        return taken

    with socket.create_connection(("127.0.0.1", target.stack.http), 15) as line:
        line.sendall(
            f"PATCH /v1/vod/{video} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {token['Authorization']}\r\nTus-Resumable: 1.0.0\r\n"
            f"Upload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: {length}\r\n"
            f"Upload-Checksum: sha256 {b64encode(bytes(32)).decode()}\r\n\r\n".encode()
        )
        line.sendall(bytes(5_000_000))
        wait_until(
            lambda: (target.stack.folder / "var/uploads" / video / "video").stat().st_size > 0,
            "the first bytes",
        )
        assert target.stack.ask("DELETE", f"/v1/vod/{video}", headers={**token, **TUS})[0] == 204

        def gone() -> bool:
            with contextlib.suppress(OSError):
                line.sendall(bytes(200_000))
            return unseen() == 0

        wait_until(gone, "the end of the file that was deleted", 10)
