"""The scaled-out layout, the generated files and the packages say what the code says."""

import importlib.util
import os
import re
import subprocess
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import AuthenticationError
from redis.retry import Retry

from tests.support.servers import free_port, self_signed
from weir import generated_docs, server_configs
from weir.foundation.settings import Settings, load, search_path
from weir.foundation.vault import open_vault

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
ROOMS = ("control", "realtime", "media")
DOCKERFILES = (ROOT / "weir/Dockerfile", ROOT / "nginx-rtmp/Dockerfile")


def test_compose_has_every_part_of_the_scaled_out_layout() -> None:
    """Stores, both nginx, every room; realtime twice. Each says whether it is well and is started again."""
    assert set(SERVICES) == {"redis", "mongo", "ingest", "web", *ROOMS}
    assert SERVICES["realtime"]["deploy"]["replicas"] == 2
    for name, service in SERVICES.items():
        assert service["healthcheck"]["test"], name
        assert service["restart"] == "unless-stopped", name
    for room in ROOMS:
        assert SERVICES[room]["command"][:2] == ["run", room]


def test_compose_names_only_settings_that_exist() -> None:
    """A misspelt variable would silently do nothing: neither for a room nor for the nginx' entry point."""
    known = {f"WEIR_{name.upper()}{ending}" for name in Settings.model_fields for ending in ("", "_FILE")}
    read = set(re.findall(r"\$\{?([A-Z_]{4,})", (ROOT / "nginx-rtmp/entrypoint.sh").read_text()))
    for room in ROOMS:
        assert set(SERVICES[room]["environment"]) <= known, room
    for name in ("ingest", "web"):
        assert set(SERVICES[name]["environment"]) <= read, name


def test_compose_gives_the_rooms_settings_that_they_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the secrets that the script makes, and the defaults of what .env may change."""
    secrets = made_secrets(tmp_path)
    for name, value in SERVICES["control"]["environment"].items():
        plain = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)
        monkeypatch.setenv(name, plain.replace("/run/secrets", str(secrets)))
    settings = load()
    assert settings.mongodb_url.startswith("mongodb://weir:")
    assert settings.redis_url.startswith("redis://:")
    assert len(settings.secret_key) == len(settings.hook_secret) == 64
    networks = {
        name: network["ipam"]["config"][0]["subnet"]
        for name, network in COMPOSE["networks"].items()
        if network and "ipam" in network
    }
    assert settings.web_servers == [default(networks["front"])]
    assert (
        settings.hook_allow
        == default(networks["ingest"])
        == default(SERVICES["ingest"]["environment"]["PULL_FROM"])
    )


def default(value: str) -> str:
    """What compose takes where .env says nothing."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


def made_secrets(folder: Path) -> Path:
    subprocess.run([ROOT / "weir/secrets.sh", folder / "secrets"], check=True)
    return folder / "secrets"


def test_secrets_are_files_made_once(tmp_path: Path) -> None:
    """All that compose names, in a folder of their owner; never in an environment; the same after a second
    call. Redis takes its own."""
    folder = made_secrets(tmp_path)
    assert folder.stat().st_mode & 0o077 == 0
    assert {Path(one["file"]).name for one in COMPOSE["secrets"].values()} == {
        path.name for path in folder.iterdir()
    }
    before = {path.name: path.read_text() for path in folder.iterdir()}
    assert made_secrets(tmp_path) == folder
    assert {path.name: path.read_text() for path in folder.iterdir()} == before
    assert len(set(before.values())) == len(before)
    for name, service in SERVICES.items():
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"]), name
        secret = [
            key
            for key in service.get("environment", {})
            if re.search("SECRET|PASSWORD|KEY|_URL_FILE", key) and not key.endswith("_FILE")
        ]
        assert secret == [], name
    port = free_port()
    argv: list[Any] = [
        "redis-server",
        folder / "redis_conf",
        "--port",
        str(port),
        "--save",
        "",
        "--dir",
        tmp_path,
    ]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as server:
        try:
            url = (folder / "redis_url").read_text().strip().replace("redis:6379", f"127.0.0.1:{port}")
            with Redis.from_url(
                url, socket_connect_timeout=5, retry=Retry(ConstantBackoff(0.05), 100)
            ) as redis:
                assert redis.ping()
            with Redis(port=port) as stranger, pytest.raises(AuthenticationError):
                stranger.ping()
        finally:
            server.terminate()


def test_nothing_in_a_container_is_root() -> None:
    """No service, no image of ours, and none gets rights by a file; the web server is who wrote the files
    that it sends."""
    for name, service in SERVICES.items():
        assert int(service["user"].partition(":")[0]) > 0, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
    assert {SERVICES[name]["user"] for name in ("web", *ROOMS)} == {"10001:10001"}
    for file in DOCKERFILES:
        assert re.findall(r"^USER (.*)$", file.read_text(), re.MULTILINE)[-1] == "10001:10001", file


def test_images_are_pinned() -> None:
    """To a whole version: what was tried is what is pulled."""
    images = [service["image"] for service in SERVICES.values() if "build" not in service]
    for file in DOCKERFILES:
        images += re.findall(r"^FROM (\S+)", file.read_text(), re.MULTILINE)
    assert len(images) >= 5
    for image in images:
        assert re.search(r":\d+\.\d+(\.\d+)?(-|$)", image), image


def test_the_stores_are_reached_by_the_rooms_only() -> None:
    """No port of theirs is published and no network of theirs leads outside; what faces the world has no way
    to them."""
    assert {name for name, service in SERVICES.items() if service.get("ports")} == {"web", "ingest"}
    for store in ("redis", "mongo"):
        assert SERVICES[store]["networks"] == ["stores"]
    assert {name for name, service in SERVICES.items() if "stores" in service["networks"]} == {
        "redis",
        "mongo",
        *ROOMS,
    }
    assert {name for name, network in COMPOSE["networks"].items() if network.get("internal")} == {
        "stores",
        "front",
        "ingest",
    }
    assert SERVICES["web"]["networks"] == ["front", "outside"]
    assert SERVICES["ingest"]["networks"] == ["ingest", "outside"]


def test_the_builder_gets_what_images_are_made_of() -> None:
    """And nothing else: no data, secrets or history, and no package of this machine over those of the image."""
    lines = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert lines[0] == "*"
    let_in = {line[1:] for line in lines if line.startswith("!")}
    copied = set()
    for file in DOCKERFILES:
        for line in file.read_text().splitlines():
            if line.startswith("COPY") and "--from" not in line:
                copied |= {source.partition("/")[0] for source in line.split()[1:-1]}
    assert let_in == copied
    assert {"player/node_modules", "player/dist", "**/__pycache__"} <= set(lines)


def test_every_image_is_built_from_a_file_that_exists() -> None:
    """And each file that it copies is there."""
    for service in SERVICES.values():
        if "build" in service:
            dockerfile = ROOT / service["build"]["dockerfile"]
            for line in dockerfile.read_text().splitlines():
                if line.startswith("COPY") and "--from" not in line:
                    for source in line.split()[1:-1]:
                        assert (ROOT / source).exists(), line


@pytest.mark.parametrize("edge", ["files", "nchan"])
@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("names", [False, True])
def test_the_container_entry_point_fills_both_templates(
    short_folder: Path, edge: str, tls: bool, names: bool
) -> None:
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
        "CDN_URL": "https://cdn.example",
        "TRUSTED_PROXIES": "10.0.0.0/8 2001:db8::/32", "METRICS_ALLOW": "10.0.0.1/32", "PULL_FROM": "172.31.0.0/16",
        **({"TLS_CERTIFICATE": str(certificate[0]), "TLS_KEY": str(certificate[1]), "PUBLIC_URL": "https://x.example"} if tls else {}),
        **({"RESOLVER": "127.0.0.11", "CONTROL": "control:8000", "REALTIME": "r1:8000 r2:8000", "MEDIA": "media:8000"} if names else {}),
    }  # fmt: skip
    for which in ("ingest", "web"):
        done = subprocess.run(
            [ROOT / "nginx-rtmp/entrypoint.sh", which],
            env=env,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        text = (short_folder / "run" / f"{which}.conf").read_text()
        known = (
            "location @",
            "= @",
            " @segment",
            " @part",
            " @origin",
            " @recorded",
            " @nothing",
            " @kept",
            " @awaited",
        )
        assert "@" not in reduce(lambda rest, one: rest.replace(one, ""), known, text)
        assert "a&b|c\\d" in text
        assert not re.search("^ *#[a-z]+: ", text, re.MULTILINE)
        assert not (short_folder / "run/fill.sed").exists(), "it held the secret"


@pytest.mark.parametrize("which", ["ingest", "web"])
def test_an_ordinary_user_can_run_both_servers(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    """No log, pid or temporary folder of the system is touched, where only root may write."""
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    settings = Settings(
        data_dir=short_folder / "var", run_dir=short_folder / "run", live_dir=short_folder / "live", http_port=free_port(),
        rtmp_port=free_port(), _env_file=None,
    )  # fmt: skip
    for folder in (settings.data, settings.run, settings.live):
        folder.mkdir()
    write = server_configs.write_ingest if which == "ingest" else server_configs.write_web
    path = write(settings, open_vault(settings))
    if nobody:
        for entry in (short_folder, *short_folder.rglob("*")):
            os.chown(entry, 65534, 65534)
    command = [*nobody, "nginx", "-t", "-e", "stderr", "-p", str(settings.run), "-c", str(path)]
    done = subprocess.run(
        command, env={"PATH": search_path()}, capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 0, done.stderr


def test_documents_made_from_code_are_fresh() -> None:
    """`make docs` has been run since the last change of a setting or command."""
    assert (ROOT / "docs/configuration.md").read_text() == generated_docs.configuration()
    assert (ROOT / ".env.example").read_text() == generated_docs.env_example()
    assert (ROOT / "docs/moderation.md").read_text() == generated_docs.moderation()
    assert (ROOT / "docs/events.md").read_text() == generated_docs.events()


def test_our_packages_are_ours() -> None:
    """PyPI carries foreign packages called realtime, control and media: what is imported lies in this
    repository."""
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
    resolved = re.findall(r'"resolved": "([^"]*)"', (ROOT / "player/package-lock.json").read_text())
    assert all(one.startswith("packages/") for one in resolved), "only the workspaces themselves are links"
