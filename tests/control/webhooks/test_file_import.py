"""Endpoints that a file of the operator's sets up."""

from collections.abc import Callable
from pathlib import Path

import pytest

from control.webhooks.file_import import LEFT, read_sections
from tests.control.webhooks.conftest import Hooks
from tests.support.webhook_receiver import Receiver
from weir.foundation.settings import SettingsError

TEMPLATE = Path(__file__).resolve().parents[3] / "docs" / "examples" / "config.ini"


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


async def test_a_file_makes_changes_and_disables(
    hooks: Hooks, receiver: Receiver, setting: Callable[..., None], tmp_path: Path
) -> None:
    """Applied once, and again only for a section that has changed; what the API changed stays meanwhile."""
    text = f"[webhooks]\n[[park]]\nurl = {receiver.url}\nheader = Authorization: Token s3cret-token\nimage = yes\nimage_type = car\n"
    path = written(tmp_path / "config.ini", text)
    setting(webhooks_file=path)
    hooks.world.services.settings.__dict__.pop("webhook_config", None)
    follow = hooks.services.file.follow
    await follow()
    (made,) = (await hooks.ask("GET", "webhooks"))["data"]
    assert (made["name"], made["url"], made["types"]) == ("park", receiver.url, ["*"])
    assert made["image"] == {"type": "car", "crop": None}
    assert (made["auth"]["kind"], made["auth"]["name"]) == ("header", "Authorization")
    sent = await hooks.publish(plate_number="TEST123")
    await receiver.until(lambda got: sent in [one.id for one in got])
    assert receiver.got[-1].headers["authorization"] == "Token s3cret-token"
    await hooks.ask("PATCH", f"webhooks/{made['id']}", {"description": "Ours"})
    written(path, text + "\n# a remark\n")
    await follow()
    assert (await hooks.ask("GET", f"webhooks/{made['id']}"))["description"] == "Ours"
    written(path, text.replace("image = yes", "image = no") + "types = custom.*\n")
    await follow()
    changed = await hooks.ask("GET", f"webhooks/{made['id']}")
    assert (changed["image"], changed["types"]) == (None, ["custom.*"])
    written(path, "[webhooks]\n")
    await follow()
    left = await hooks.ask("GET", f"webhooks/{made['id']}")
    assert (left["enabled"], left["disabled_reason"]) == (False, LEFT)
    written(path, text)
    await follow()
    assert (await hooks.ask("GET", f"webhooks/{made['id']}"))["enabled"]


@pytest.mark.parametrize(
    ("text", "mode", "word"),
    [
        ("[webhooks]\n[[a]]\nurl = https://x.example\nheader = Authorization: Token t\n", 0o644, "chmod 600"),
        ("[webhooks]\n[[a]]\nurl = https://x.example\nheader = Authorization: Token ${NO_SUCH_TOKEN}\n", 0o644, "NO_SUCH_TOKEN"),
        ("[webhooks]\n[[a]]\nurl = https://x.example\nheader = nonsense\n", 0o600, "Name: value"),
        ("[webhooks]\n[[a]]\nurl = https://x.example\nimage = maybe\n", 0o600, "yes or no"),
        ("[webhooks]\n[[a]]\nurll = https://x.example\n", 0o600, "urll"),
        ("[webhooks]\n[[a]]\npreset = parkpov\n", 0o600, "parkpow"),
        ("[webhooks]\nurl = https://x.example\n", 0o600, "[[url]]"),
        ("[webhooks\n[[a]]\n", 0o600, "config.ini"),
        ("[webhooks]\n[[a]]\nimage = no\n", 0o600, "url"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_says_what_to_do(tmp_path: Path, text: str, mode: int, word: str) -> None:
    path = written(tmp_path / "config.ini", text, mode)
    with pytest.raises(SettingsError) as refusal:
        read_sections(path)
    assert word in str(refusal.value)


def test_the_template_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it ships, with the variable that it names; the preset knows the receiver."""
    monkeypatch.setenv("PARKPOW_TOKEN", "a-token")
    (park,) = read_sections(written(tmp_path / "config.ini", TEMPLATE.read_text(), 0o644))
    assert park.fields["url"] == "https://app.parkpow.com/api/v1/webhook-receiver/"
    assert park.fields["auth"]["value"] == "Token a-token"
    assert park.fields["image"] == {"type": "car"}
