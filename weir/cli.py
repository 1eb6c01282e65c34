"""The `weir` command."""

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from weir import __version__
from weir.foundation.errors import Refused
from weir.foundation.settings import Settings, SettingsError, load
from weir.webhooks_cli import listen, trigger, webhooks

T = TypeVar("T")
HELP = "Live streams, chat and real-time events on your own machine."
app = typer.Typer(name="weir", help=HELP, no_args_is_help=True, add_completion=False)
create = typer.Typer(help="Create the first owner, apps, API keys and streams.", no_args_is_help=True)
app.add_typer(create, name="create")
app.add_typer(webhooks, name="webhooks")
app.command()(listen)
app.command()(trigger)
err = Console(stderr=True, highlight=False)
out = Console(highlight=False)

Config = Annotated[Path | None, typer.Option("--config", help="Settings file (TOML).", show_default=False)]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Folder of everything that must survive. Default: ./var", show_default=False
    ),
]
HttpPort = Annotated[
    int | None, typer.Option("--http-port", help="Port of the web server. Default: 8080", show_default=False)
]
RtmpPort = Annotated[
    int | None, typer.Option("--rtmp-port", help="Port of the RTMP ingest. Default: 1935", show_default=False)
]
Public = Annotated[bool, typer.Option("--public", help="Listen on all addresses, not on this machine alone.")]
LogLevel = Annotated[
    str | None, typer.Option("--log-level", help="debug, info, warning or error.", show_default=False)
]


def fail(sentence: str) -> NoReturn:
    """One clear sentence, exit code 2."""
    err.print(f"[bold red]weir:[/] {sentence}", soft_wrap=True)
    raise typer.Exit(2)


def _settings(
    config: Path | None, data_dir: Path | None = None, public: bool = False, **given: Any
) -> Settings:
    if config is not None and ".ini" in config.name:
        config, given = None, {**given, "webhooks_file": config}
    try:
        everywhere = "0.0.0.0" if public else None
        return load(config, data_dir=data_dir, http_host=everywhere, rtmp_host=everywhere, **given)
    except SettingsError as error:
        fail(str(error))


@app.command()
def up(
    config: Config = None,
    data_dir: Data = None,
    http_port: HttpPort = None,
    rtmp_port: RtmpPort = None,
    public: Public = False,
    log_level: LogLevel = None,
) -> None:
    """Start everything on this machine and print where to watch and publish."""
    from weir import up as embedded

    settings = _settings(
        config, data_dir, public, http_port=http_port, rtmp_port=rtmp_port, log_level=log_level
    )
    sys.exit(_until_signalled(lambda stop: embedded.up(settings, stop)))


@app.command()
def demo(
    config: Config = None,
    data_dir: Data = None,
    http_port: HttpPort = None,
    rtmp_port: RtmpPort = None,
    public: Public = False,
    log_level: LogLevel = None,
    seconds: Annotated[
        float | None, typer.Option("--for", help="Stop by itself after so many seconds.", show_default=False)
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON line with figures and addresses last on stdout.")
    ] = False,
) -> None:
    """`up`, and a demo stream: a moving test pattern with clock and tone, published over real RTMP."""
    from weir import demo as demonstration

    settings = _settings(
        config, data_dir, public, http_port=http_port, rtmp_port=rtmp_port, log_level=log_level
    )
    sys.exit(_until_signalled(lambda stop: demonstration.run(settings, stop, seconds, as_json)))


def _until_signalled(work: Callable[[asyncio.Event], Awaitable[int]]) -> int:
    """Runs `work` with an event that SIGINT and SIGTERM set. Prints a sentence instead of a traceback when it
    fails."""
    from weir.supervisor import StackError

    async def main() -> int:
        stop = asyncio.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, stop.set)
        return await work(stop)

    try:
        return asyncio.run(main())
    except (StackError, Refused) as error:
        fail(str(error))


@app.command()
def run(
    room: Annotated[str, typer.Argument(help="control, realtime, media or all.")],
    listen: Annotated[
        str | None, typer.Option("--listen", help="HOST:PORT or unix:PATH.", show_default=False)
    ] = None,
    config: Config = None,
    data_dir: Data = None,
    log_level: LogLevel = None,
) -> None:
    """Serve one room (or all) without the embedded servers, for an installation on several machines."""
    from weir.app import ALL, check_store, serve

    names = ALL if room == "all" else tuple(name for name in ALL if name == room)
    if not names:
        fail(f"There is no room {room}; choose control, realtime, media or all.")
    settings = _settings(config, data_dir, log_level=log_level)
    where = listen or settings.listen or "127.0.0.1:8000"
    if not where.startswith("unix:") and not where.rpartition(":")[2].isdigit():
        fail(f"--listen {where}: give HOST:PORT or unix:PATH.")
    try:
        check_store(settings)
        serve(settings, names, where)
    except Refused as error:
        fail(error.detail)


@app.command()
def doctor(
    config: Config = None, data_dir: Data = None, as_json: Annotated[bool, typer.Option("--json")] = False
) -> None:
    """Say what is present, missing or too old, which ports are taken, and what to do."""
    from weir import doctor as checks

    settings = _settings(config, data_dir)
    own = checks.running(settings.data)
    found = [one for one in checks.examine(settings) if not (own and one.state == "taken")]
    if as_json:
        out.print_json(json.dumps([vars(one) for one in found]))
    else:
        table = Table("", "part", "found", "what to do", box=None)
        for one in found:
            mark = "[green]✓[/]" if one.state == "ok" else "[red]✗[/]" if one.needed else "[yellow]![/]"
            table.add_row(
                mark,
                one.name,
                one.detail if one.state == "ok" else f"[bold]{one.state}[/]: {one.detail}",
                one.remedy,
            )
        out.print(table)
        if own:
            out.print(f"A stack is running on {settings.data}.")
    raise typer.Exit(1 if any(one.needed and one.state != "ok" for one in found) else 0)


@app.command()
def status(
    config: Config = None, data_dir: Data = None, as_json: Annotated[bool, typer.Option("--json")] = False
) -> None:
    """Ask the running stack for its health, its addresses and who is on air; 1 when it is not well."""
    from weir import up as embedded

    settings = _settings(config, data_dir)
    raise typer.Exit(asyncio.run(embedded.status(settings, as_json)))


@app.command()
def logs(
    tail: Annotated[int, typer.Option("--tail", min=1, help="Lines of each part.")] = 20,
    part: Annotated[
        str | None, typer.Option("--part", help="app, redis, ingest or web.", show_default=False)
    ] = None,
    room: Annotated[
        str | None,
        typer.Option("--room", help="Only lines of control, realtime or media.", show_default=False),
    ] = None,
    config: Config = None,
    data_dir: Data = None,
) -> None:
    """Show the newest log lines of the embedded stack's parts."""
    from weir import log_reader

    try:
        for name, lines in log_reader.newest(_settings(config, data_dir).data / "logs", tail, part, room):
            out.rule(name, align="left")
            out.print("\n".join(lines), markup=False, soft_wrap=True)
    except log_reader.NoLogs as error:
        fail(str(error))


@app.command()
def backup(
    file: Path,
    config: Config = None,
    data_dir: Data = None,
    media: Annotated[bool, typer.Option(help="Recordings and segments too.")] = True,
    with_secret: Annotated[
        bool, typer.Option("--with-secret", help="The installation's secret too, which opens what is sealed.")
    ] = False,
) -> None:
    """Write the embedded data into one file, while everything runs."""
    from weir import backup as keeping

    try:
        settings = _settings(config, data_dir)
        size = asyncio.run(keeping.backup(settings, file, media, with_secret))
    except keeping.BackupError as error:
        fail(str(error))
    kept = "WEIR_SECRET_KEY" if settings.secret_key else str(settings.data / "secret")
    if with_secret and not settings.secret_key:
        out.print(
            f"{file}: {size / 1e6:.1f} MB. It holds the installation's secret; keep it as safe.",
            soft_wrap=True,
        )
    else:
        out.print(f"{file}: {size / 1e6:.1f} MB, without the installation's secret.", soft_wrap=True)
        out.print(
            f"Keep a copy of {kept} in another safe place: what is sealed opens with it alone.",
            soft_wrap=True,
        )


@app.command()
def restore(file: Path, config: Config = None, data_dir: Data = None) -> None:
    """Fill an empty data folder from a backup; then start Weir on it."""
    from weir import backup as keeping

    settings = _settings(config, data_dir)
    try:
        complete = keeping.restore(settings, file)
    except keeping.BackupError as error:
        fail(str(error))
    out.print(f"Restored into {settings.data}.")
    if not complete:
        out.print(
            f"Before you start Weir, put the installation's secret back as {settings.data / 'secret'}.",
            soft_wrap=True,
        )


@app.command()
def settings(
    env: Annotated[bool, typer.Option("--env", help="As a commented .env file.")] = False,
) -> None:
    """Print every setting with its default and meaning (docs/configuration.md is made by this)."""
    from weir import generated_docs

    sys.stdout.write(generated_docs.env_example() if env else generated_docs.configuration())


@app.command()
def commands() -> None:
    """Print every chat command (docs/moderation.md is made by this)."""
    from weir import generated_docs

    sys.stdout.write(generated_docs.moderation())


@app.command()
def events() -> None:
    """Print every event and its data (docs/events.md is made by this)."""
    from weir import generated_docs

    sys.stdout.write(generated_docs.events())


@create.command("owner")
def create_owner(
    email: str,
    name: str = "",
    password_file: Annotated[
        Path | None,
        typer.Option(help="Read the password from this file instead of asking for it.", show_default=False),
    ] = None,
    config: Config = None,
    data_dir: Data = None,
) -> None:
    """Create the platform's first account, its operator, and give it the apps that have no owner yet."""
    password = _password(password_file)
    _on_ground(config, data_dir, lambda control: control.create_owner(email, password, name))


def _password(file: Path | None) -> str:
    try:
        given = (
            file.read_text().rstrip("\n")
            if file
            else typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        )
    except OSError as error:
        fail(f"--password-file: {file} cannot be read: {error.strerror}.")
    if not 10 <= len(given) <= 256:
        fail("A password has 10 to 256 characters.")
    return str(given)


@create.command("app")
def create_app(name: str, config: Config = None, data_dir: Data = None) -> None:
    """Create an app (a tenant)."""
    _on_ground(config, data_dir, lambda control: control.create_app(name))


@create.command("key")
def create_key(
    app_id: str,
    scopes: Annotated[
        list[str], typer.Argument(help="What it may do, e.g. streams:write events:read; '*' for everything.")
    ],
    config: Config = None,
    data_dir: Data = None,
) -> None:
    """Create an API key; it is shown this once."""
    _on_ground(config, data_dir, lambda control: control.create_key(app_id, scopes))


@create.command("stream")
def create_stream(app_id: str, title: str = "", config: Config = None, data_dir: Data = None) -> None:
    """Create a stream and print its OBS fields."""
    _on_ground(config, data_dir, lambda control: control.create_stream(app_id, title))


def _on_ground(
    config: Path | None, data_dir: Path | None, verb: Callable[[Any], Awaitable[dict[str, Any]]]
) -> None:
    """Runs one verb of the control room directly on the stores and prints its answer as JSON."""
    from control.composition import build_local_admin
    from weir.app import open_services

    settings = _settings(config, data_dir)

    async def main() -> dict[str, Any]:
        async with open_services(settings) as services:
            return await verb(build_local_admin(services))

    try:
        answer = asyncio.run(main())
    except Refused as error:
        fail(error.detail)
    sys.stdout.write(json.dumps(answer, indent=2) + "\n")


@app.command()
def version() -> None:
    """Print the version."""
    out.print(__version__)


def main() -> None:
    app(prog_name="weir")
