"""Configuration files of the embedded servers, written anew at each start into the private run folder."""

import contextlib
import os
import pwd
import re
import socket
from collections.abc import Collection, Sequence
from hashlib import blake2b
from pathlib import Path

from weir.foundation.ids import new_secret
from weir.foundation.redis.client import redis_password
from weir.foundation.settings import Settings
from weir.foundation.vault import Vault

TEMPLATES = Path(__file__).resolve().parents[1] / "nginx-rtmp"
UNCHOSEN = re.compile(r"^ *#[a-z]+: .*\n", re.MULTILINE)
INNER_FIRST, INNER_PORTS = 15_000, 5_000  # below the ports that the kernel gives to outgoing connections
MODULE_FOLDERS = (
    Path("/usr/lib/nginx/modules"),
    Path("/usr/lib64/nginx/modules"),
    Path("/usr/local/nginx/modules"),
)


def nginx_module(name: str) -> Path | None:
    """nginx's module `rtmp`, `stream` or `nchan` where the distributions put it, or None."""
    file = f"ngx_{name}_module.so"
    return next((folder / file for folder in MODULE_FOLDERS if (folder / file).exists()), None)


def internal_secret(vault: Vault, settings: Settings) -> str:
    """The secret that our own nginx instances send to the application: without it, hooks and playback
    decisions are refused."""
    return settings.hook_secret or vault.text_key("internal")


def _private(path: Path, text: str) -> Path:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    return path


def render(template: str, values: dict[str, str], chosen: Collection[str] = ()) -> str:
    """Enables the lines that begin with `#word: ` for the chosen words. Errors: KeyError for a name in the
    template without a value."""
    for word in chosen:
        template = re.sub(rf"^( *)#{word}: ", r"\1", template, flags=re.MULTILINE)
    return re.sub(r"@([A-Z_]+)@", lambda found: values[found.group(1)], UNCHOSEN.sub("", template))


def networks(these: Sequence[str]) -> str:
    """As the entries of a `geo` table of nginx."""
    return " ".join(f"{network} 1;" for network in these)


def trusted(proxies: Sequence[str]) -> str:
    lines = [f"set_real_ip_from {proxy};" for proxy in proxies]
    return " ".join([*lines, "real_ip_header X-Forwarded-For; real_ip_recursive on;"]) if lines else ""


def _worker_user(settings: Settings) -> str:
    """As root, nginx's workers become the owner of the data folder; an ordinary user can't and need not
    switch."""
    if os.geteuid() != 0:
        return ""
    return f"user {pwd.getpwuid(settings.data.stat().st_uid).pw_name};"


def write_redis(settings: Settings, vault: Vault) -> Path:
    """Durable at every acknowledged write (`appendfsync always`), reachable only through a socket in our
    folder."""
    folder = settings.data / "redis"
    folder.mkdir(mode=0o700, exist_ok=True)
    return _private(
        settings.run / "redis.conf",
        "\n".join(
            [
                "port 0",
                f'unixsocket "{settings.redis_socket}"',
                "unixsocketperm 700",
                f"requirepass {redis_password(vault)}",
                f'dir "{folder}"',
                "appendonly yes",
                "appendfsync always",
                'save ""',
                "aof-load-truncated yes",
                "maxmemory-policy noeviction",
                "client-output-buffer-limit pubsub 32mb 8mb 60",
                "daemonize no",
                'logfile ""',
                "",
            ]
        ),
    )


def write_ingest(settings: Settings, vault: Vault) -> Path:
    """A new boot id each time, so that publishes of an earlier nginx are never mistaken for present ones."""
    module = nginx_module("rtmp")
    assert module is not None, "the preflight checks have found it"
    settings.ingest_socket.unlink(
        missing_ok=True
    )  # a killed nginx leaves it, and the next one could not bind
    hooks = f"http://unix:{settings.app_socket}:/internal/rtmp"
    chosen = "gate" if nginx_module("stream") else "open"
    query = f"boot={new_secret(16)}&secret={internal_secret(vault, settings)}"
    return _private(
        settings.run / "ingest.conf",
        render(
            (TEMPLATES / "ingest.conf.template").read_text(),
            {
                "MODULES": str(module.parent),
                "USER": _worker_user(settings),
                "RUN": str(settings.run),
                "RTMP_LISTEN": f"{settings.rtmp_host}:{settings.rtmp_port}",
                "STAT_LISTEN": f"unix:{settings.ingest_socket}",
                "HOOKS": hooks,
                "HOOK_QUERY": query,
                "PULL_FROM": "",
                "PER_ADDRESS": str(settings.rtmp_connections_per_address),
                "INNER_PORT": str(_inner_port(settings)),
            },
            [chosen],
        ),
    )


def _inner_port(settings: Settings) -> int:
    """A port of this machine alone, between nginx' gate and its RTMP module: a unix socket would do, but the
    module trusts connections from one and calls no hook for them."""
    first = int.from_bytes(blake2b(str(settings.data).encode(), digest_size=2).digest(), "big")
    for step in range(INNER_PORTS):
        port = INNER_FIRST + (first + step) % INNER_PORTS
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no port of this machine is free for the ingest")


def write_web(settings: Settings, vault: Vault) -> Path:
    (settings.data / "usage").mkdir(mode=0o700, exist_ok=True)
    for folder in (settings.live / "hls", settings.data / "hls"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings.edge_socket.unlink(missing_ok=True)  # as the ingest's
    app, module = f"unix:{settings.app_socket}", nginx_module("nchan")
    chosen = {
        "tls" if settings.tls else "plain",
        settings.edge,
        "pool",
        *(["cdn"] if settings.cdn_url else []),
    }
    return _private(
        settings.run / "web.conf",
        render(
            (TEMPLATES / "web.conf.template").read_text(),
            {
                "USER": _worker_user(settings),
                "RUN": str(settings.run),
                "LIVE": str(settings.live),
                "DATA": str(settings.data),
                "PLAYER": str(settings.player_dir),
                "WORKERS": "1",
                "CONTROL": app,
                "REALTIME": f"server {app};",
                "MEDIA": f"server {app};",
                "ORIGINS": "",
                "TO": "",
                "PUBLIC_URL": settings.base_url,
                "TRUSTED_PROXIES": trusted(settings.trusted_proxies),
                "TRUSTED_PEERS": networks(settings.trusted_proxies),
                "METRICS_ALLOW": networks(settings.metrics_allow),
                "CONNECTIONS": str(settings.connections_per_address),
                "HTTP_LISTEN": f"{settings.http_host}:{settings.http_port}",
                "USAGE": str(settings.data / "usage" / "web.log"),
                "HTTPS_LISTEN": f"{settings.http_host}:{settings.https_port}",
                "TLS_CERTIFICATE": str(settings.tls_certificate),
                "TLS_KEY": str(settings.tls_key),
                "MODULES": str(module.parent) if module else "",
                "EDGE_LISTEN": f"unix:{settings.edge_socket}",
                "INTERNAL_SECRET": internal_secret(vault, settings),
                "CDN": f" {settings.cdn_url}" if settings.cdn_url.startswith("http") else "",
            },
            chosen,
        ),
    )
