"""Ids, vault, logs, settings."""

import re
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.foundation import events, ids, settings
from weir.foundation.clock import rfc3339
from weir.foundation.telemetry import redact
from weir.foundation.vault import Vault, open_vault


def test_ids_have_their_form_and_sort_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefix and 26 Crockford characters; a later millisecond sorts later."""
    first = ids.new_id("str")
    monkeypatch.setattr(ids, "now_ms", lambda: 2_000_000_000_000)
    second = ids.new_id("str")
    assert ids.is_id("str", first)
    assert ids.is_id("str", second)
    assert first < second


@pytest.mark.parametrize(
    "bad",
    [
        "str_",
        "str_" + "u" * 26,
        "str_" + "0" * 25,
        "str_" + "0" * 27,
        "app_" + "0" * 26,
        "str_" + "0" * 25 + "\n",
    ],
)
def test_a_malformed_id_is_known(bad: str) -> None:
    """Wrong prefix, length or alphabet (no i, l, o, u)."""
    assert not ids.is_id("str", bad)


@given(st.text(max_size=20), st.integers(0, 2**40))
def test_a_derived_id_is_the_same_for_the_same_parts(name: str, number: int) -> None:
    """A fact that is published twice has one id."""
    assert ids.derived_id("evt", name, number) == ids.derived_id("evt", name, number)
    assert ids.is_id("evt", ids.derived_id("evt", name, number))


def test_times_are_rfc3339_with_milliseconds() -> None:
    """The one format of the public API."""
    assert rfc3339(1_795_369_863_005) == "2026-11-22T17:51:03.005Z"


@given(st.text(max_size=200))
def test_a_sealed_value_opens_only_for_its_owner(text: str) -> None:
    """Sealed values can't be swapped between documents or installations."""
    vault = Vault("a" * 43)
    sealed = vault.seal(text, "str_1")
    assert vault.open(sealed, "str_1") == text
    with pytest.raises(ValueError):
        vault.open(sealed, "str_2")
    with pytest.raises(ValueError):
        Vault("b" * 43).open(sealed, "str_1")


def test_the_installation_secret_is_made_once_and_private(tmp_path: Path) -> None:
    """Two openings read one secret; no other user may read the file."""
    page = settings.Settings(data_dir=tmp_path / "var", _env_file=None)
    assert open_vault(page).key("x") == open_vault(page).key("x")
    assert (tmp_path / "var" / "secret").stat().st_mode & 0o777 == 0o600


KEY = "01m8285m7pdca5qrr3c0ad2wsq_01m8285m7r6hr2w2yw0tdwmw7m_Nprl2abcdefghijklmnopqrstuvwxyz12"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJ3ZWlyIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        (f"publish: name='{KEY}', args=''", KEY.split("_")[2]),
        (f'open() "/x/hls/{JWT}/ply_1/p.m4s" failed', JWT.split(".")[2]),
        ("Authorization: Bearer weir_sk_01m8285m7pdca5qrr3c0ad2wsq_s3cr3ts3cr3ts3cr3t", "s3cr3ts3cr3ts3cr3t"),
        ("POST /internal/rtmp/publish?boot=a&secret=0123456789abcdef HTTP/1.0", "0123456789abcdef"),
        (f'request: "GET /hls/{JWT.replace(".", "%2E")}/ply_1/v360.m3u8 HTTP/1.1"', JWT.split(".")[2]),
        (f'request: "GET /hls/{"%65" * 20}/ply_1/v360.m3u8 HTTP/1.1"', "%65%65"),
        ("cookie weir_refresh=ses_01m8285m7pdca5qrr3c0ad2wsq.4.s3cr3ts3cr3ts3cr3t", "s3cr3ts3cr3ts3cr3t"),
        ("http://localhost/studio#setup=s3cr3ts3cr3ts3cr3t", "s3cr3ts3cr3ts3cr3t"),
        ("https://weir.example/studio#invitation=s3cr3ts3cr3ts3cr3t", "s3cr3ts3cr3ts3cr3t"),
        ("https://weir.example/studio?reset=s3cr3ts3cr3ts3cr3t&x=1", "s3cr3ts3cr3ts3cr3t"),
        ("https://weir.example/studio#verify=s3cr3ts3cr3ts3cr3t", "s3cr3ts3cr3ts3cr3t"),
        ("GET /v1/followers/confirm?token=01m8_s3cr3ts3cr3ts3cr3t HTTP/1.1", "s3cr3ts3cr3ts3cr3t"),
        ("GET /v1/watch/ply_1/poster.jpg?token=s3cr3ts3cr3ts3cr3t&x HTTP/1.1", "s3cr3ts3cr3ts3cr3t"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ],
)
def test_logs_hold_no_secret(line: str, secret: str) -> None:
    """Keys and tokens are cut out of a line in every form that our parts could write them."""
    assert secret in line
    assert secret not in redact(line)


def test_settings_come_from_the_first_source_that_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Option before variable before file-variable before TOML before .env before default."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEIR_CONFIG", "")
    (tmp_path / ".env").write_text(
        "WEIR_HTTP_PORT=1001\nWEIR_RTMP_PORT=1002\nWEIR_LOG_LEVEL=error\nWEIR_X264_PRESET=fast\n"
    )
    (tmp_path / "weir.toml").write_text('http_port = 2001\nrtmp_port = 2002\nx264_preset = "medium"\n')
    (tmp_path / "preset").write_text("slow\n")
    monkeypatch.setenv("WEIR_X264_PRESET_FILE", str(tmp_path / "preset"))
    monkeypatch.setenv("WEIR_RTMP_PORT", "3002")
    page = settings.load(tmp_path / "weir.toml", http_port=4001)
    assert (page.http_port, page.rtmp_port, page.x264_preset, page.log_level) == (4001, 3002, "slow", "error")


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("HTTP_PORT", "99999", "WEIR_HTTP_PORT"),
        ("ALLOWED_ORIGINS", '["*"]', "origins"),
        ("SECRET_KEY", "short", "32 characters"),
    ],
)
def test_a_bad_setting_is_one_sentence(
    name: str, value: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the setting."""
    monkeypatch.setenv(f"WEIR_{name}", value)
    with pytest.raises(settings.SettingsError, match=re.escape(word)):
        settings.load()


def test_a_child_sees_the_same_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever they came from; secrets from options do not enter the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WEIR_CONFIG", raising=False)
    page = settings.load(data_dir=tmp_path / "d", http_port=5001)
    env = settings.child_environment(page)
    assert env["WEIR_HTTP_PORT"] == "5001"
    assert env["WEIR_DATA_DIR"] == str(tmp_path / "d")


@pytest.mark.parametrize("kind", events.catalogue(), ids=events.type_of)
def test_a_fact_without_what_may_be_missing_is_read(kind: type[events.Event]) -> None:
    """The bus leaves out what is null, so no field that may be null is required."""
    for name, one in kind.model_fields.items():
        assert not (one.is_required() and type(None) in get_args(one.annotation)), name
