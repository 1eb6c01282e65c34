"""A finished recording whose files are in a bucket, watched through the web server."""

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Show
from tests.media.live.test_live import played
from tests.support.s3_bucket import FakeBucket, bucket_beside
from tests.support.servers import wait_until


@pytest.fixture
def bucket() -> Iterator[FakeBucket]:
    with bucket_beside() as fake:
        yield fake


def test_a_recording_in_a_bucket_plays_under_the_same_address(make_stack, bucket: FakeBucket) -> None:
    """Its local files are deleted; playlists, byte ranges and the MP4 come through nginx, and only with a
    token of its own."""
    show: Show = make_stack(RECONNECT_GRACE_S=1, **bucket.settings)
    member = show.member()
    publisher = show.publish()
    show.wait_state("live")
    wait_until(lambda: len(show.text(show.renditions()[0]).split("#EXTINF")) > 4, "some seconds of it", 40)
    publisher.stop()

    def recording() -> dict[str, object]:
        return dict(show.stack.ask("GET", "/v1/recordings", headers=member)[1]["data"][0])

    wait_until(lambda: recording()["state"] == "ready", "the recording", 40)
    made = recording()
    folder = show.stack.folder / "var" / "recordings" / str(made["id"])
    wait_until(lambda: bool(bucket.objects) and not any(folder.glob("*")), "its move to the bucket", 60)
    answer = show.stack.ask("POST", f"/v1/recordings/{made['id']}/playback-tokens", {}, member)[1]
    assert played(answer["url"], 60)["video"] == round(float(str(made["duration_s"])) * 30)
    path = answer["mp4_url"][answer["mp4_url"].index("/hls/") :]
    status, body = show.stack.get(path)
    name = path.rsplit("/", 1)[1]
    assert (status, body) == (200, bucket.objects[f"{made['id']}/{name}"][0])
    status, span = show.stack.ask("GET", path, headers={"Range": "bytes=100-199"})
    assert (status, span) == (206, body[100:200])
    assert show.stack.get(path.replace(path.split("/")[2], show.token()))[0] == 403
    assert show.stack.get(path.replace(name, "other.mp4"))[0] == 404
