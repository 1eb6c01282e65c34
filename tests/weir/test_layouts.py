"""The scaled-out layout, the generated files and the packages say what the code says."""

import importlib.util
import os
import re
import subprocess
from functools import reduce
from pathlib import Path

import pytest
import yaml

from tests.servers import free_port, self_signed
from weir import configuration, manual
from weir.foundation.settings import Settings, search_path
from weir.foundation.vault import open_vault

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def test_compose_has_every_part_of_the_scaled_out_layout() -> None:
    """Stores, both nginx, every room; realtime twice."""
    services = COMPOSE["services"]
    assert set(services) == {"redis", "mongo", "ingest", "web", "control", "realtime", "media"}
    assert services["realtime"]["deploy"]["replicas"] == 2
    for room in ("control", "realtime", "media"):
        assert services[room]["command"][:2] == ["run", room]


def test_compose_names_only_settings_that_exist() -> None:
    """A misspelt variable would silently do nothing."""
    known = {f"WEIR_{name.upper()}" for name in Settings.model_fields}
    for name, service in COMPOSE["services"].items():
        given = {key for key in service.get("environment", {}) if key.startswith("WEIR_")}
        assert given <= known, name


def test_every_image_is_built_from_a_file_that_exists() -> None:
    """And each file that it copies is there."""
    for service in COMPOSE["services"].values():
        if "build" in service:
            dockerfile = ROOT / service["build"]["dockerfile"]
            for line in dockerfile.read_text().splitlines():
                if line.startswith("COPY") and "--from" not in line:
                    for source in line.split()[1:-1]:
                        assert (ROOT / source).exists(), line


@pytest.mark.parametrize("edge", ["files", "nchan"])
@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("names", [False, True])
def test_the_container_entry_point_fills_both_templates(short_folder: Path, edge: str, tls: bool, names: bool) -> None:
    """nginx accepts what comes out, with each choice that the web template offers."""
    certificate = self_signed(short_folder)
    env = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "RUN": str(short_folder / "run"),
        "HOOKS": "http://127.0.0.1:8000/internal/rtmp", "SECRET": "a&b|c\\d",
        "CONTROL": "127.0.0.1:8000", "REALTIME": "127.0.0.1:8000", "MEDIA": "127.0.0.1:8000 127.0.0.1:8001",
        "ORIGINS": "media-1=127.0.0.1:8000 media-2=127.0.0.1:8001", "EDGE": edge, "EDGE_LISTEN": f"127.0.0.1:{free_port()}",
        "HTTPS_LISTEN": f"127.0.0.1:{free_port()}", "DATA": str(short_folder / "data"),
        "LIVE": str(short_folder / "live"), "NGINX_OPTIONS": "-t", "USER_LINE": "", "HTTP_LISTEN": f"127.0.0.1:{free_port()}",
        "RTMP_LISTEN": f"127.0.0.1:{free_port()}", "STAT_LISTEN": f"127.0.0.1:{free_port()}",
        "TRUSTED_PROXIES": "10.0.0.0/8 2001:db8::/32", "METRICS_ALLOW": "10.0.0.1/32", "PULL_FROM": "172.31.0.0/16",
        **({"TLS_CERTIFICATE": str(certificate[0]), "TLS_KEY": str(certificate[1]), "PUBLIC_URL": "https://x.example"} if tls else {}),
        **({"RESOLVER": "127.0.0.11", "CONTROL": "control:8000", "REALTIME": "r1:8000 r2:8000", "MEDIA": "media:8000"} if names else {}),
    }  # fmt: skip
    for which in ("ingest", "web"):
        done = subprocess.run([ROOT / "nginx-rtmp/entrypoint.sh", which], env=env, capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0, done.stderr
        text = (short_folder / "run" / f"{which}.conf").read_text()
        known = ("location @", "= @", " @segment", " @part", " @origin", " @recorded", " @nothing")
        assert "@" not in reduce(lambda rest, one: rest.replace(one, ""), known, text)
        assert "a&b|c\\d" in text
        assert not re.search("^ *#[a-z]+: ", text, re.MULTILINE)
        assert not (short_folder / "run/fill.sed").exists(), "it held the secret"


@pytest.mark.parametrize("which", ["ingest", "web"])
def test_an_ordinary_user_can_run_both_servers(short_folder: Path, monkeypatch: pytest.MonkeyPatch, which: str) -> None:
    """No log, pid or temporary folder of the system is touched, where only root may write."""
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    settings = Settings(  # type: ignore[call-arg]
        data_dir=short_folder / "var", run_dir=short_folder / "run", live_dir=short_folder / "live", http_port=free_port(),
        rtmp_port=free_port(), _env_file=None,
    )  # fmt: skip
    for folder in (settings.data, settings.run, settings.live):
        folder.mkdir()
    write = configuration.write_ingest if which == "ingest" else configuration.write_web
    path = write(settings, open_vault(settings))
    if nobody:
        for entry in (short_folder, *short_folder.rglob("*")):
            os.chown(entry, 65534, 65534)
    command = [*nobody, "nginx", "-t", "-e", "stderr", "-p", str(settings.run), "-c", str(path)]
    done = subprocess.run(command, env={"PATH": search_path()}, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr


def test_documents_made_from_code_are_fresh() -> None:
    """`make docs` has been run since the last change of a setting or command."""
    assert (ROOT / "docs/configuration.md").read_text() == manual.configuration()
    assert (ROOT / ".env.example").read_text() == manual.env_example()
    assert (ROOT / "docs/moderation.md").read_text() == manual.moderation()
    assert (ROOT / "docs/events.md").read_text() == manual.events()


def test_our_packages_are_ours() -> None:
    """PyPI carries foreign packages called realtime, control and media: what is imported lies in this repository."""
    for name in ("weir", "control", "media", "realtime"):
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        assert Path(spec.origin).parent.parent == ROOT


def test_locks_hold_versions_and_hashes_and_no_addresses() -> None:
    """They install from whatever registry a machine is set up with."""
    for lock in ROOT.glob("requirements*.lock"):
        text = lock.read_text()
        assert "://" not in text
        assert "--index-url" not in text
        assert text.count("--hash=sha256:") >= text.count("==") - text.count("; ")
    assert '"resolved"' not in (ROOT / "player/package-lock.json").read_text()
