"""Configuration files of the embedded servers, written anew at each start into the private run folder."""

import os
import pwd
import re
from pathlib import Path

from weir.foundation.ids import new_secret
from weir.foundation.redis import redis_password
from weir.foundation.settings import Settings
from weir.foundation.vault import Vault

TEMPLATES = Path(__file__).resolve().parents[1] / "nginx-rtmp"
MODULE_FOLDERS = (Path("/usr/lib/nginx/modules"), Path("/usr/lib64/nginx/modules"), Path("/usr/local/nginx/modules"))


def rtmp_module() -> Path | None:
    """nginx's RTMP module where the distributions put it, or None."""
    return next((folder / "ngx_rtmp_module.so" for folder in MODULE_FOLDERS if (folder / "ngx_rtmp_module.so").exists()), None)


def internal_secret(vault: Vault, settings: Settings) -> str:
    """What our own nginx instances show the application: hooks and playback decisions are answered to nobody else."""
    return settings.hook_secret or vault.text_key("internal")


def _private(path: Path, text: str) -> Path:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    return path


def render(template: str, values: dict[str, str]) -> str:
    """Errors: KeyError for a name in the template that has no value."""
    return re.sub(r"@([A-Z_]+)@", lambda found: values[found.group(1)], template)


def _worker_user(settings: Settings) -> str:
    """As root, nginx's workers become the owner of the data folder; an ordinary user can't and need not switch."""
    if os.geteuid() != 0:
        return ""
    return f"user {pwd.getpwuid(settings.data.stat().st_uid).pw_name};"


def write_redis(settings: Settings, vault: Vault) -> Path:
    """Durable at every acknowledged write (`appendfsync always`), reachable only through a socket in our folder."""
    folder = settings.data / "redis"
    folder.mkdir(mode=0o700, exist_ok=True)
    return _private(settings.run / "redis.conf", "\n".join([
        "port 0", f'unixsocket "{settings.redis_socket}"', "unixsocketperm 700", f"requirepass {redis_password(vault)}",
        f'dir "{folder}"', "appendonly yes", "appendfsync always", 'save ""', "aof-load-truncated yes",
        "maxmemory-policy noeviction", "client-output-buffer-limit pubsub 32mb 8mb 60", "daemonize no", 'logfile ""', "",
    ]))  # fmt: skip


def write_ingest(settings: Settings, vault: Vault) -> Path:
    """A new boot id each time, so that publishes of an earlier nginx are never mistaken for present ones."""
    module = rtmp_module()
    assert module is not None, "the preflight checks have found it"
    settings.ingest_socket.unlink(missing_ok=True)  # a killed nginx leaves it, and the next one could not bind
    hooks = f"http://unix:{settings.app_socket}:/internal/rtmp"
    query = f"boot={new_secret(16)}&secret={internal_secret(vault, settings)}"
    return _private(settings.run / "ingest.conf", render((TEMPLATES / "ingest.conf.template").read_text(), {
        "MODULES": str(module.parent), "USER": _worker_user(settings), "RUN": str(settings.run),
        "RTMP_LISTEN": f"{settings.rtmp_host}:{settings.rtmp_port}", "STAT_LISTEN": f"unix:{settings.ingest_socket}",
        "PLAY_ALLOW": f"allow play {settings.ingest_host};", "HOOKS": hooks, "HOOK_QUERY": query,
    }))  # fmt: skip


def write_web(settings: Settings, vault: Vault) -> Path:
    (settings.data / "usage").mkdir(mode=0o700, exist_ok=True)
    for folder in (settings.live / "hls", settings.data / "hls"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    app = f"unix:{settings.app_socket}"
    return _private(settings.run / "web.conf", render((TEMPLATES / "web.conf.template").read_text(), {
        "USER": _worker_user(settings), "RUN": str(settings.run), "LIVE": str(settings.live), "DATA": str(settings.data),
        "PLAYER": str(settings.player_dir), "WORKERS": "1", "CONTROL": app, "REALTIME": app, "MEDIA": app,
        "HTTP_LISTEN": f"{settings.http_host}:{settings.http_port}", "USAGE": str(settings.data / "usage" / "web.log"),
        "INTERNAL_SECRET": internal_secret(vault, settings),
    }))  # fmt: skip
