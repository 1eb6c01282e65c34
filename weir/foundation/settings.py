"""Every setting of Weir, and the only reader of the environment.

Order, first wins: command-line options, `WEIR_NAME`, `WEIR_NAME_FILE` (the value is in that file), `--config
FILE` (TOML, the same names in lower case without the prefix), `.env` in the working folder, the default.
`docs/configuration.md` and `.env.example` are generated from the descriptions below (`weir settings`).
"""

import hashlib
import json
import os
import re
import socket
import tempfile
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from weir.foundation.plans import Plan, PlanName, plan_table

PREFIX = "WEIR_"


class SettingsError(Exception):
    """A setting that cannot be used; the message is one sentence for the person who typed it."""


def expanded(text: str) -> str:
    """A text with `${NAME}` replaced by variables of the environment. Errors: SettingsError for one that is not
    set."""

    def value(found: re.Match[str]) -> str:
        known = os.environ.get(found[1])
        if known is None:
            raise SettingsError(f"the variable {found[1]} is not set.")
        return known

    return re.sub(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", value, text)


class _FileSource(PydanticBaseSettingsSource):
    """`WEIR_NAME_FILE=/run/secrets/name` gives the setting `name` the content of that file."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(f"{PREFIX}{field_name.upper()}_FILE")
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text().strip(), field_name, False
        except OSError as error:
            raise SettingsError(
                f"{PREFIX}{field_name.upper()}_FILE: cannot read {path}: {error.strerror}."
            ) from None

    def __call__(self) -> dict[str, Any]:
        values = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in values.items() if value is not None}


class Settings(BaseSettings):
    """All rooms read the same settings; a room ignores those of others."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, env_ignore_empty=True)

    # -- where things are
    data_dir: Path = Field(
        Path("var"),
        description="Folder of everything that must survive: database, Redis log, recordings, secrets.",
    )
    run_dir: Path | None = Field(
        None,
        description="Short private folder for sockets and generated configuration. Default: one per data folder under the system's temporary folder.",
    )
    live_dir: Path | None = Field(
        None,
        description="Memory-backed folder for parts of live streams. Default: one per data folder under /dev/shm where that exists.",
    )
    player_dir: Path = Field(
        Path(__file__).resolve().parents[2] / "player" / "dist",
        description="Built viewer pages, served by the web nginx.",
    )

    # -- doors
    http_host: str = Field(
        "127.0.0.1", description="Address that the web server listens on (`weir up --public` means 0.0.0.0)."
    )
    http_port: int = Field(
        8080, ge=1, le=65535, description="Port of the web server: player, studio, API, sockets, HLS."
    )
    tls_certificate: Path | None = Field(
        None,
        description="File of the web server's certificate with its chain (PEM). With it, pages and API are served by TLS and HTTP/2, and HTTP redirects there. A renewed file is noticed.",
    )
    tls_key: Path | None = Field(None, description="File of the certificate's private key (PEM).")
    https_port: int = Field(
        8443, ge=1, le=65535, description="Port of the web server for TLS, when there is a certificate."
    )
    edge: Literal["files", "nchan"] = Field(
        "files",
        description="Who holds players' blocking reloads: the application (files), or nginx itself with its nchan module, for big audiences (docs/serving.md).",
    )
    rtmp_host: str = Field(
        "127.0.0.1", description="Address that the RTMP ingest listens on (`weir up --public` means 0.0.0.0)."
    )
    rtmp_connections_per_address: int = Field(
        20,
        ge=2,
        le=4000,
        description="Connections that one address (of IPv6: one /64) may have to the ingest, silent ones too.",
    )
    rtmp_port: int = Field(1935, ge=1, le=65535, description="Port of the RTMP ingest.")
    public_url: str = Field(
        "",
        description="Address under which browsers reach the web server. Default: http://HTTP_HOST:HTTP_PORT (with a certificate https://HTTP_HOST:HTTPS_PORT), and this machine's own address for 0.0.0.0.",
    )
    cdn_url: str = Field(
        "",
        description="Address of a CDN in front of the web server, or / where it is reached under the public address. Segments and parts of live streams then have addresses without a token, which caches may keep (docs/cdn.md). Default: none.",
    )
    rtmp_url: str = Field(
        "",
        description="Address that streamers put into OBS. Default: rtmp://RTMP_HOST:RTMP_PORT/live, and this machine's own address for 0.0.0.0.",
    )
    allowed_origins: list[str] = Field(
        [],
        description="Further web origins whose pages may open sockets and call the API, as a JSON list; the own origin is always allowed.",
    )
    socket_polling: bool = Field(False, description="Offer Socket.IO's HTTP long-polling, too.")
    trusted_proxies: list[str] = Field(
        [],
        description="Networks of the proxies in front of the web server, as a JSON list; only what they say of a visitor's address and scheme is believed (docs/serving.md).",
    )
    metrics_allow: list[str] = Field(
        ["127.0.0.0/8", "::1/128"],
        description="Networks that may read /metrics and /readyz at the web server, as a JSON list.",
    )
    connections_per_address: int = Field(
        1000,
        ge=10,
        le=10_000,
        description="Connections that one address (of IPv6: one /64) may have to the web server.",
    )

    # -- outgoing requests
    egress_allow: list[str] = Field(
        [],
        description="Networks that webhooks and integrations may call besides the public internet, as a JSON list, e.g. 10.0.0.0/8 or 127.0.0.0/8. "
        "Every customer of this installation can then reach whatever listens there. Default: none.",
    )
    egress_http: bool = Field(
        False,
        description="Let webhooks and integrations call public addresses by plain http too. To allowed networks plain http is always possible.",
    )

    # -- webhooks
    webhook_retry_s: list[float] = Field(
        [0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400],
        min_length=1,
        max_length=30,
        description="Seconds to wait before each attempt of a webhook's delivery, as a JSON list; after the last one it has failed.",
    )
    webhooks_file: Path | None = Field(
        None,
        description="File that sets up webhooks (INI, docs/guides/webhooks.md), read at each start and when it changes. Default: STREAM_CONFIG_PATH, or ~/.weir/config.ini where it exists; STREAM_ENABLED=false reads none.",
    )
    webhook_timeout_s: float = Field(
        15.0, ge=1, le=60, description="Seconds within which a webhook's receiver must answer."
    )
    webhook_log_days: int = Field(
        30, ge=1, le=400, description="Days that deliveries of webhooks can be read and sent again."
    )
    web_url: str = Field(
        "",
        description="Address at which control reaches the web server of a scaled-out layout, e.g. http://web:8080, for the pictures in webhooks. Default: the application itself.",
    )

    # -- the stores
    redis_url: str = Field(
        "",
        description="Redis of a scaled-out layout: redis://[USER:PASSWORD@]HOST:PORT/DB, or a cluster by some of its servers: "
        "redis+cluster://[USER:PASSWORD@]HOST:PORT,HOST:PORT (rediss… for TLS). Default: the embedded private server.",
    )
    mongodb_url: str = Field(
        "", description="MongoDB (4.4 or newer) of a scaled-out layout. Default: SQLite in the data folder."
    )
    mongodb_database: str = Field("weir", description="Database name in MongoDB.")

    # -- scaled-out layout
    listen: str = Field("", description="Where `weir run` listens: HOST:PORT or unix:PATH.")
    ingest_url: str = Field(
        "",
        description="HTTP address of the ingest nginx for statistics and control, e.g. http://ingest:9180 or unix:PATH.",
    )
    ingest_rtmp_url: str = Field(
        "",
        description="Where media workers pull published streams from. Default: rtmp://127.0.0.1:RTMP_PORT/live.",
    )
    hook_secret: str = Field(
        "",
        description="Secret that the ingest nginx sends with its publish hooks. Default: derived from the secret key.",
    )
    web_servers: list[str] = Field(
        ["127.0.0.1/32", "::1/128"],
        description="Networks of the web servers, as a JSON list: a room that listens on TCP believes only them about a visitor's address and scheme.",
    )
    hook_allow: str = Field(
        "127.0.0.1/32", description="Network from which publish hooks are taken in a scaled-out layout."
    )
    origin_name: str = Field(
        "",
        description="Of several media workers: this one's name in the web server's configuration, or its address as HOST:PORT. Default: the only one.",
    )
    edge_urls: list[str] = Field(
        [],
        description="Where playlists are posted with WEIR_EDGE=nchan: each web server, as a JSON list of http://HOST:PORT or unix:PATH.",
    )
    secret_key: str = Field(
        "",
        description="Master secret of the installation, at least 32 characters. Default: made once and kept in the data folder's file `secret`.",
    )

    # -- streams
    ladder: list[int] = Field(
        [1080, 720, 480, 360],
        description="Heights of the renditions, as a JSON list; rungs above the source are left out.",
    )
    x264_preset: str = Field("superfast", description="Speed preset of the H.264 encoder.")
    part_s: float = Field(1 / 3, gt=0.09, le=1, description="Target duration of a low-latency part, seconds.")
    segment_s: float = Field(
        2.0, ge=1, le=10, description="Duration of a segment and of the group of pictures, seconds."
    )
    window_segments: int = Field(
        12, ge=6, description="Segments that stay in the live playlist of a stream without a DVR window."
    )
    longest_dvr_s: int = Field(
        4 * 3600,
        ge=0,
        le=48 * 3600,
        description="Longest DVR window that a stream may have (how far viewers can go back), seconds.",
    )
    key_rotation_segments: int = Field(
        15, ge=1, description="Segments after which an encrypted stream gets another key."
    )
    recording: bool = Field(True, description="Record streams that do not say otherwise.")
    recording_days: int = Field(
        0,
        ge=0,
        description="Days after which recordings are deleted; 0 keeps them until they are deleted by hand.",
    )
    storage: Literal["local", "s3"] = Field(
        "local",
        description="Where finished recordings are kept: the data folder, or an S3-compatible bucket.",
    )
    s3_endpoint: str = Field(
        "", description="Address of the S3-compatible store, e.g. https://s3.example.org."
    )
    s3_bucket: str = Field(
        "", description="Bucket for finished recordings; it is addressed by path and must exist."
    )
    s3_region: str = Field("us-east-1", description="Region that requests to the bucket are signed for.")
    s3_prefix: str = Field("", description="What the names of all objects begin with, e.g. weir/.")
    s3_access_key: str = Field("", description="Access key of the bucket.")
    s3_secret_key: str = Field("", description="Secret key of the bucket.")
    media_cores: float = Field(
        0,
        ge=0,
        description="Cores that the ladders of live streams may take on one machine, by estimate; 0 means all that it has.",
    )
    max_upload_mb: int = Field(20_000, ge=1, description="Largest video that may be uploaded, megabytes.")
    upload_expires_h: float = Field(
        24.0, gt=0, description="Hours after which an upload that gets no more bytes is forgotten."
    )
    upload_reserve_mb: int = Field(
        500,
        ge=0,
        description="Megabytes of the disk that uploads leave free, for live streams and the database.",
    )
    vod_preset: str = Field("veryfast", description="Speed preset of the H.264 encoder for uploaded videos.")
    thumbnail_every_s: float = Field(
        10.0, ge=0, description="How often a live stream's thumbnail is made anew, seconds; 0 makes none."
    )
    reconnect_grace_s: float = Field(
        60.0,
        ge=0,
        le=1800,
        description="How long a vanished encoder may stay away without ending the broadcast, seconds.",
    )
    playback_token_ttl_s: int = Field(
        4 * 3600, ge=30, le=86400, description="Life of a playback token, seconds."
    )
    user_token_ttl_s: int = Field(12 * 3600, ge=60, le=86400, description="Life of a user token, seconds.")

    # -- chat
    history_messages: int = Field(
        50, ge=1, le=200, description="Newest messages that a joining client receives."
    )
    chat_rate_per_s: float = Field(
        2.0, gt=0, description="Messages a second that one user may send to one channel."
    )
    chat_burst: int = Field(
        10, ge=1, description="Messages that one user may send at once before the rate applies."
    )
    guest_rate_per_s: float = Field(
        5.0,
        gt=0,
        description="Messages a second that all guests of one address (IPv6: of one /64 network) may send to one channel together.",
    )
    guest_burst: int = Field(
        20,
        ge=1,
        description="Messages that the guests of one address may send at once before that rate applies.",
    )
    guest_address_ban_h: int = Field(
        24, ge=0, le=24,
        description="Hours for which the ban of a guest also holds for guests of the same address, of which only a keyed hash is stored. "
        "0 = not at all.",
    )  # fmt: skip
    guest_channel_rate_per_s: float = Field(
        20.0, gt=0, description="Messages a second that all guests may send to one channel together."
    )
    socket_requests_per_s: int = Field(
        100,
        ge=1,
        description="Requests of any kind a second that one socket may make; more are answered `rate_limited`.",
    )
    log_cap: int = Field(
        1_000_000, ge=1000, description="Entries of one channel's log at which sends are refused."
    )

    keep_messages_days: int = Field(400, ge=1, description="Days that messages are kept in the archive.")
    keep_removed_days: int = Field(
        30,
        ge=1,
        description="Days that moderators can read, and bring back, a message that was removed; then its text is deleted.",
    )
    keep_occupancy_days: int = Field(
        90, ge=1, description="Days that the transitions and reservations of places are kept."
    )

    # -- tenants
    default_plan: PlanName = Field(
        "enterprise", description="Plan of new apps: free, starter, pro or enterprise (docs/limits.md)."
    )
    plans: dict[str, dict[str, Any]] = Field(
        {},
        description='Changes to the table of plans, as JSON: `{"free": {"streams": 5}}`; null is no bound.',
    )
    limits: dict[str, int] = Field(
        {},
        description='Other numbers of requests a minute (an hour for invitations) for sign-in, public, session, account, member, heavy, partner-calls, source (each source of webhooks), inbound (their addresses), previews or invitations, as JSON: `{"sign-in": 20}`.',
    )
    sign_up: Literal["invitation", "open"] = Field(
        "invitation", description="Who may make an account: those invited, or everybody (open)."
    )
    verify_email: bool = Field(
        False, description="Refuse sign-in until a mailed link has proven the account's address."
    )
    smtp_url: str = Field(
        "",
        description="Mail server: smtp://USER:PASSWORD@HOST:587 or smtps://…:465. Default: mails become files in the data folder's `mail`.",
    )
    mail_from: str = Field("weir@localhost", description="Sender of mails.")
    follower_mails_per_s: int = Field(
        10,
        ge=1,
        le=50,
        description="Mails a second to the followers of streams that begin, of all apps together; what the mail server lets through.",
    )
    block_after: int = Field(
        600,
        ge=0,
        description="Refusals (401 and 429) within a minute after which an address is blocked, a minute first; 0 = never.",
    )

    webhook_signature_tolerance_s: int = Field(
        300,
        ge=1,
        le=3600,
        description="How old the signed time of a partner's webhook may be, and how far ahead, seconds.",
    )

    # -- running
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe log line that is written."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="Form of log lines; auto is text on a terminal and JSON elsewhere."
    )

    @field_validator("allowed_origins")
    @classmethod
    def _no_wildcard(cls, origins: list[str]) -> list[str]:
        if "*" in origins:
            raise ValueError("'*' would let any web page use a signed-in visitor's rights; list the origins")
        return [origin.rstrip("/") for origin in origins]

    @field_validator("trusted_proxies", "metrics_allow", "web_servers", "egress_allow")
    @classmethod
    def _networks(cls, networks: list[str]) -> list[str]:
        return [str(ip_network(network)) for network in networks]

    @field_validator("public_url")
    @classmethod
    def _origin(cls, url: str) -> str:
        if url and not re.fullmatch(
            r"https?://[A-Za-z0-9.-]+(:\d+)?/?|https?://\[[0-9a-fA-F:]+\](:\d+)?/?", url
        ):
            raise ValueError("give scheme, host and perhaps a port: https://live.example.org")
        return url

    @field_validator("cdn_url")
    @classmethod
    def _cdn(cls, url: str) -> str:
        return url if url == "/" else cls._origin(url).rstrip("/")

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, secret: str) -> str:
        if secret and len(secret) < 32:
            raise ValueError("at least 32 characters are needed")
        return secret

    @model_validator(mode="after")
    def _bucket_named(self) -> "Settings":
        if self.storage == "s3" and not (
            self.s3_endpoint and self.s3_bucket and self.s3_access_key and self.s3_secret_key
        ):
            raise ValueError(
                "WEIR_STORAGE=s3 needs WEIR_S3_ENDPOINT, WEIR_S3_BUCKET, WEIR_S3_ACCESS_KEY and WEIR_S3_SECRET_KEY"
            )
        return self

    @model_validator(mode="after")
    def _certificate_with_key(self) -> "Settings":
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("WEIR_TLS_CERTIFICATE and WEIR_TLS_KEY go together")
        return self

    @field_validator("plans")
    @classmethod
    def _known_plans(cls, changes: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        plan_table(changes)
        return changes

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource, dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:  # fmt: skip
        config = os.environ.get(f"{PREFIX}CONFIG")
        toml = (TomlConfigSettingsSource(settings_cls, Path(config)),) if config else ()
        return (init_settings, env_settings, _FileSource(settings_cls), *toml, dotenv_settings)

    # -- what follows from the above

    @cached_property
    def webhook_config(self) -> Path | None:
        """The file that sets up webhooks, None for none."""
        if os.environ.get("STREAM_ENABLED", "").strip().lower() in ("0", "false", "no", "off"):
            return None
        named = self.webhooks_file or os.environ.get("STREAM_CONFIG_PATH")
        usual = Path("~/.weir/config.ini").expanduser()
        return Path(named).expanduser() if named else usual if usual.exists() else None

    @cached_property
    def data(self) -> Path:
        return self.data_dir.expanduser().absolute()

    @cached_property
    def plan_table(self) -> dict[str, Plan]:
        return plan_table(self.plans)

    def _per_data_folder(self, parent: Path) -> Path:
        mark = hashlib.blake2b(str(self.data).encode(), digest_size=5).hexdigest()
        return parent / f"weir-{os.getuid()}-{mark}"

    @cached_property
    def run(self) -> Path:
        """The folder of sockets: its path must leave room for names within the 107 bytes of a unix socket
        path."""
        return self.run_dir.absolute() if self.run_dir else self._per_data_folder(Path(tempfile.gettempdir()))

    @cached_property
    def live(self) -> Path:
        if self.live_dir:
            return self.live_dir.absolute()
        memory = Path("/dev/shm")  # noqa: S108 – a 0700 folder of our own is made in it
        return self._per_data_folder(memory) if os.access(memory, os.W_OK) else self.run / "live"

    @property
    def app_socket(self) -> Path:
        return self.run / "app.sock"

    @property
    def ingest_socket(self) -> Path:
        return self.run / "ingest.sock"

    @property
    def redis_socket(self) -> Path:
        return self.run / "redis.sock"

    @property
    def edge_socket(self) -> Path:
        return self.run / "edge.sock"

    @property
    def tls(self) -> bool:
        return self.tls_certificate is not None

    @property
    def https_suffix(self) -> str:
        """The part of our addresses after the host."""
        return "" if self.https_port == 443 else f":{self.https_port}"

    @property
    def base_url(self) -> str:
        host = _reachable(self.http_host)
        own = f"https://{host}{self.https_suffix}" if self.tls else f"http://{host}:{self.http_port}"
        return (self.public_url or own).rstrip("/")

    def media_base(self, playback: str) -> str:
        """The prefix of the names of segments and parts in playlists; empty where they are relative to the
        playlist."""
        return f"{self.cdn_url.rstrip('/')}/media/{playback}/" if self.cdn_url else ""

    @property
    def publish_url(self) -> str:
        return self.rtmp_url or f"rtmp://{_reachable(self.rtmp_host)}:{self.rtmp_port}/live"

    @property
    def pull_url(self) -> str:
        return self.ingest_rtmp_url or f"rtmp://{self.ingest_host}:{self.rtmp_port}/live"

    @property
    def ingest_host(self) -> str:
        """The host by which this machine itself connects to its ingest."""
        return "127.0.0.1" if self.rtmp_host == "0.0.0.0" else self.rtmp_host


def _reachable(host: str) -> str:
    """A host name that others can use: for "all addresses" the address of this machine's default route."""
    if host != "0.0.0.0":
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(
                ("192.0.2.1", 9)
            )  # only asks the routing table; a datagram socket sends nothing yet
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def load(config: Path | None = None, **given: Any) -> Settings:
    """The settings of this process. `given` are command-line options; None means "not given".

    Errors: SettingsError with one sentence that names the setting.
    """
    if config is not None:
        if not config.is_file():
            raise SettingsError(f"--config: there is no file {config}.")
        os.environ[f"{PREFIX}CONFIG"] = str(config.absolute())
    try:
        return Settings(_env_file=".env", **{k: v for k, v in given.items() if v is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = (
            f"{PREFIX}{str(first['loc'][0]).upper()}: " if first["loc"] else ""
        )  # what concerns several settings names them itself
        raise SettingsError(f"{name}{first['msg'].removeprefix('Value error, ')}.") from None
    except (ValueError, OSError) as error:
        raise SettingsError(f"The settings cannot be read: {error}") from None


def search_path() -> str:
    """The PATH for finding programs: servers are in sbin folders, which an ordinary user's PATH omits."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def child_environment(settings: Settings) -> dict[str, str]:
    """Environment for a child that must see exactly these settings, whatever they came from. Secrets go by
    file, not here."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(PREFIX) or name == f"{PREFIX}CONFIG"
    }
    for name in settings.model_fields_set - {"secret_key", "hook_secret", "smtp_url", "s3_secret_key"}:
        value = getattr(settings, name)
        kept[PREFIX + name.upper()] = _as_text(value)
    for name in ("SECRET_KEY", "HOOK_SECRET", "SMTP_URL", "S3_SECRET_KEY"):
        for form in (name, name + "_FILE"):
            if PREFIX + form in os.environ:
                kept[PREFIX + form] = os.environ[PREFIX + form]
    return {**kept, "PATH": search_path()}


def _as_text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, list | dict | bool) else str(value)
