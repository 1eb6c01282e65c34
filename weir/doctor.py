"""Checks what Weir needs from this machine, and says how to get what is missing."""

import contextlib
import fcntl
import os
import re
import shutil
import socket
import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from redis import ConnectionPool, Redis
from redis.asyncio.connection import parse_url
from redis.exceptions import RedisError

from weir.foundation.redis.client import cluster_seeds
from weir.foundation.sandbox import protections
from weir.foundation.settings import Settings, search_path
from weir.server_configs import nginx_module
from weir.versions import version_of

State = Literal["ok", "missing", "too old", "taken", "not readable", "not writable", "low"]
INSTALL = "sudo apt-get install --no-install-recommends"


@dataclass(frozen=True)
class Check:
    """`remedy` is what to type or change, empty when the check passed. Only `needed` checks keep the stack
    from starting."""

    name: str
    state: State
    detail: str
    remedy: str = ""
    needed: bool = True


@dataclass(frozen=True)
class InstalledProgram:
    name: str
    package: str
    oldest: tuple[int, ...]
    version_argument: str
    needed: bool = True


PROGRAMS = (
    InstalledProgram("redis-server", "redis-server", (7, 0), "--version"),  # sharded publish
    InstalledProgram("nginx", "nginx", (1, 18), "-v"),
    InstalledProgram("ffmpeg", "ffmpeg", (5, 0), "-version"),
    InstalledProgram("ffprobe", "ffmpeg", (5, 0), "-version"),
    InstalledProgram("setpriv", "util-linux", (2, 33), "--version"),
)


def examine(settings: Settings) -> list[Check]:
    """Every check, in the order a person would mend them."""
    return [
        *_python(),
        *_programs(),
        *_modules(settings),
        *_certificate(settings),
        *_confinement(),
        *_player(settings),
        *_folders(settings),
        *_ports(settings),
        *_redis(settings),
    ]


def first_failure(settings: Settings) -> str | None:
    """One sentence about the first thing that keeps the stack from starting, with its remedy; None when
    nothing does."""
    for check in examine(settings):
        if check.needed and check.state != "ok":
            return f"{check.name}: {check.detail}. {check.remedy}".strip()
    return None


def _python() -> Iterator[Check]:
    found = ".".join(map(str, sys.version_info[:3]))
    state: State = "ok" if sys.version_info >= (3, 11) else "too old"
    yield Check("python", state, found, "" if state == "ok" else "Install Python 3.11 or newer.")


def _programs() -> Iterator[Check]:
    for program in PROGRAMS:
        path = shutil.which(program.name, path=search_path())
        if path is None:
            yield Check(
                program.name,
                "missing",
                "it is not installed",
                f"Run: {INSTALL} {program.package}",
                program.needed,
            )
            continue
        text = version_of(path, program.version_argument)
        found = re.search(r"(\d+(?:\.\d+)+)", text)
        version = tuple(map(int, found.group(1).split("."))) if found else program.oldest
        oldest = ".".join(map(str, program.oldest))
        if version < program.oldest:
            yield Check(
                program.name,
                "too old",
                f"version {found and found.group(1)}, {oldest} is needed",
                f"Upgrade {program.package}.",
            )
        else:
            yield Check(program.name, "ok", found.group(1) if found else "unknown version")


def _modules(settings: Settings) -> Iterator[Check]:
    for name, needed in (
        ("rtmp", True),
        ("stream", False),
        *([("nchan", True)] if settings.edge == "nchan" else []),
    ):
        found = nginx_module(name)
        if found:
            yield Check(f"nginx {name} module", "ok", str(found))
        else:
            reason = (
                "it is not installed"
                if needed
                else "it is not installed, so RTMP connections are not counted by address"
            )
            yield Check(
                f"nginx {name} module", "missing", reason, f"Run: {INSTALL} libnginx-mod-{name}", needed
            )


def _certificate(settings: Settings) -> Iterator[Check]:
    """Whether the pair can be used at all; nginx would only say so in its log."""
    if settings.tls_certificate is None or settings.tls_key is None:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            settings.tls_certificate, settings.tls_key
        )
    except (OSError, ssl.SSLError) as error:
        remedy = "Correct WEIR_TLS_CERTIFICATE and WEIR_TLS_KEY (PEM files that belong together)."
        yield Check("certificate", "not readable", f"it cannot be used ({error.strerror or error})", remedy)
    else:
        yield Check("certificate", "ok", str(settings.tls_certificate))


def _confinement() -> Iterator[Check]:
    """Whether FFmpeg, which decodes files from strangers, can be kept from everything else on this machine."""
    offered = protections()
    active = ", ".join(f"{name} {version}" for name, version in offered.items() if version)
    missing = [name for name, version in offered.items() if not version]
    if not missing:
        yield Check("confinement", "ok", f"FFmpeg runs with {active}")
        return
    remedy = {
        "Landlock": "it could read every file that this user can: use a kernel from 5.13 on that has Landlock among its security modules",
        "seccomp": "it could open connections: use a kernel and a container that let it filter calls",
    }
    detail = f"FFmpeg runs with {active or 'limits'} only; without {' and '.join(missing)}"
    yield Check(
        "confinement",
        "missing",
        detail,
        "; ".join(remedy[name] for name in missing).capitalize() + ".",
        needed=False,
    )


def _player(settings: Settings) -> Iterator[Check]:
    if (settings.player_dir / "watch.html").exists():
        yield Check("player pages", "ok", str(settings.player_dir))
    else:
        yield Check(
            "player pages",
            "missing",
            f"nothing is built in {settings.player_dir}",
            "Run: make setup",
            needed=False,
        )


def _folders(settings: Settings) -> Iterator[Check]:
    for name, folder in (
        ("data folder", settings.data),
        ("run folder", settings.run),
        ("live folder", settings.live),
    ):
        existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
        if not os.access(existing, os.W_OK):
            yield Check(
                name,
                "not writable",
                f"{existing} is not writable",
                "Choose another with WEIR_DATA_DIR or change its owner.",
            )
            continue
        free = shutil.disk_usage(existing).free
        low = free < 500_000_000
        remedy = "Free some space." if low else ""
        yield Check(
            name, "low" if low else "ok", f"{folder} ({free // 1_000_000_000} GB free)", remedy, needed=False
        )


def _ports(settings: Settings) -> Iterator[Check]:
    doors = (
        ("web port", "WEIR_HTTP_PORT", settings.http_host, settings.http_port),
        ("RTMP port", "WEIR_RTMP_PORT", settings.rtmp_host, settings.rtmp_port),
        *([("TLS port", "WEIR_HTTPS_PORT", settings.http_host, settings.https_port)] if settings.tls else []),
    )
    for name, setting, host, port in doors:
        reason = _cannot_listen(host, port)
        if reason is None:
            yield Check(name, "ok", f"{host}:{port} is free")
        else:
            yield Check(
                name,
                "taken",
                f"{host}:{port} cannot be used ({reason})",
                f"Stop what uses it, or set {setting} to another port.",
            )


def _cannot_listen(host: str, port: int) -> str | None:
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            return (error.strerror or str(error)).lower()
    return None


def _redis(settings: Settings) -> Iterator[Check]:
    """Each server that WEIR_REDIS_URL names, and whether it is of the kind (cluster or not) that the URL
    says."""
    url, seeds = cluster_seeds(settings.redis_url)
    if not url:
        return
    for place in seeds or [None]:
        given: dict[str, Any] = {**parse_url(url), **({"host": place[0], "port": place[1]} if place else {})}
        name = f"redis {place[0]}:{place[1]}" if place else "redis"
        try:
            with Redis(
                connection_pool=ConnectionPool(**given, socket_connect_timeout=2, socket_timeout=2)
            ) as client:
                clustered = bool(client.info("cluster")["cluster_enabled"])
        except (RedisError, OSError) as error:
            yield Check(
                name,
                "missing",
                f"it does not answer ({error})",
                "Start it, or correct WEIR_REDIS_URL.",
                needed=False,
            )
            continue
        if clustered == bool(seeds):
            yield Check(name, "ok", "a master or replica of a cluster" if clustered else "a single server")
        else:
            right = "redis+cluster://" if clustered else "redis://"
            yield Check(
                name,
                "missing",
                f"its kind is not what the URL says; use {right}",
                "Correct WEIR_REDIS_URL.",
                needed=False,
            )


def running(data: Path) -> bool:
    """True when a stack uses this data folder: then its own ports are rightly taken."""
    try:
        descriptor = os.open(data / "lock", os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
