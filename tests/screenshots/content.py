"""An installation as it looks after a month: streams, one of them on air, people who talk, places, webhooks."""

import time
from typing import Any, Self

from tests.e2e.publisher import Publisher
from tests.support.running_stack import RunningStack
from tests.support.servers import wait_until

EMAIL = "olga@harbour.example"
PASSWORD = "correct horse battery"
LONG = "Marathon of the whole weekend with guests from everywhere 🐸 مرحبا بكم جميعا and more"
TALK = (
    ("ada", "Ada", "Good morning everybody!"),
    ("ben", "Ben", "The sound is great today."),
    ("mona", "منى", "صباح الخير من القاهرة"),
    ("ada", "Ada", "Here are the notes: https://harbour.example/notes/2026/11"),
    (
        "carl",
        "Carl with a rather long name that goes on and on",
        "A longer message, which says more than fits into one line, and then some more, to see how it wraps on a phone.",
    ),
    ("ben", "Ben", "👏👏👏"),
)


class Content:
    """Runs as a context; its fields are ids."""

    def __enter__(self) -> Self:
        self._stack = RunningStack(SIGN_UP="open", LADDER="[360]", X264_PRESET="ultrafast").start()
        self.address = self._stack.address
        try:
            self._fill()
        except BaseException:
            self._stack.stop()
            self._stack.remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._publisher.stop()
        self._stack.stop()
        self._stack.remove()

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = self._stack.ask(method, path, body, self._token)
        assert status < 300, (path, answer)
        return answer

    def _fill(self) -> None:
        account = {"email": EMAIL, "password": PASSWORD, "name": "Olga Owner"}
        person = self._stack.ask("POST", "/v1/auth/register", account)[1]
        self._person = {"Authorization": f"Bearer {person['access_token']}"}
        self.app = self._app("Harbour TV")
        self.empty_app = self._app("A second app")
        self._token = self._app_token(self.app)
        live = self._stream(
            title="Morning at the harbour",
            description="**Live** every day from six.\n\n- boats\n- gulls\n- coffee\n\nAsk us anything, or write to [the harbour](https://harbour.example).",
        )
        self.live, self.live_playback, self.channel = live["id"], live["playback_id"], live["channel"]
        offline = self._stream(title=LONG)
        self.offline, self.offline_playback = offline["id"], offline["playback_id"]
        self.signed_playback = self._stream(title="For members", visibility="signed")["playback_id"]
        self.recording = self._record(live)
        self._publisher = self._publish(live)
        for user, name, text in TALK:
            self._ask(
                "POST",
                f"/v1/channels/{self.channel}/messages",
                {"user": {"id": user, "name": name}, "text": text},
            )
        self.place = self._places()
        self.webhook = self._ask(
            "POST",
            "/v1/webhooks",
            {"url": "https://hooks.example/weir", "types": ["stream.*"], "description": "Parking service"},
        )["id"]

    def _app(self, name: str) -> str:
        return str(self._stack.ask("POST", "/v1/apps", {"name": name}, self._person)[1]["id"])

    def _app_token(self, app: str) -> dict[str, str]:
        made = self._stack.ask("POST", f"/v1/apps/{app}/session", headers=self._person)[1]
        return {"Authorization": f"Bearer {made['app_token']}"}

    def _stream(self, **fields: Any) -> dict[str, Any]:
        return dict(self._ask("POST", "/v1/streams", fields))

    def _publish(self, stream: dict[str, Any]) -> Publisher:
        publisher = Publisher(f"{stream['server']}/{stream['key']}", seconds=3600)
        wait_until(
            lambda: self._ask("GET", f"/v1/streams/{stream['id']}")["state"] == "live", "the stream", 40
        )
        return publisher

    def _record(self, stream: dict[str, Any]) -> str:
        """A short broadcast that has been recorded."""
        publisher = self._publish(stream)
        time.sleep(8)  # what is recorded
        publisher.stop()
        self._ask("POST", f"/v1/streams/{stream['id']}/complete")
        of_it = f"/v1/recordings?stream={stream['id']}&state=ready"
        wait_until(lambda: bool(self._ask("GET", of_it)["data"]), "the recording", 60)
        return str(self._ask("GET", of_it)["data"][0]["id"])

    def _places(self) -> str:
        place = self._ask("POST", "/v1/places", {"name": "Garage Central", "site": "centre", "spaces": 24})
        return str(place["id"])
