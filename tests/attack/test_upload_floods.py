"""What one end user's upload token does to everybody else's uploads."""

from collections import Counter
from typing import Any

from tests.attack.conftest import Target
from tests.servers import wait_until
from weir.foundation.ids import new_id

TUS = {"Tus-Resumable": "1.0.0"}


def upload_token(target: Target, key: dict[str, str], user: str, **wanted: Any) -> dict[str, str]:
    status, answer = target.stack.ask("POST", "/v1/upload-tokens", {"user": user, **wanted}, key)
    assert status == 201, answer
    return {"Authorization": f"Bearer {answer['token']}"}


def begin(target: Target, bearer: dict[str, str], length: int = 1000) -> tuple[int, Any]:
    return target.stack.ask("POST", "/v1/vod", headers={**bearer, **TUS, "Upload-Length": str(length), "Content-Type": ""})


def test_one_user_does_not_switch_off_the_apps_uploads(target: Target) -> None:
    """A hundred begun and left: five are let in, and the app and its other users go on."""
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
    """Whoever finishes each of them at once goes no further than the token says."""
    key = {"Authorization": f"Bearer {target.new_key(scopes=['vod:write'])['api_key']}"}
    token = upload_token(target, key, new_id("usr"))
    begun, refused = [], ""
    for _ in range(40):
        status, answer = target.stack.ask("POST", "/v1/vod", headers={**token, **TUS, "Upload-Length": "4", "Content-Type": ""})
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
        states = {target.stack.ask("GET", f"/v1/recordings/{video}", None, owner)[1].get("state") for video in begun}
        return states == {"failed"}

    wait_until(all_decided, "the refusal of what is no video", 60)
    assert begin(target, token)[0] == 403
