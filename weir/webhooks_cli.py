"""`weir webhooks …`, `weir listen`, `weir trigger`: an app's events for those who connect their systems."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from weir.foundation.errors import ApiRefused
from weir.foundation.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from weir.api_client import Api

webhooks = typer.Typer(help="Send an app's events to your own servers.", no_args_is_help=True)
err = Console(stderr=True, highlight=False)
out = Console(highlight=False, width=None if sys.stdout.isatty() else 200)

App = Annotated[
    str | None,
    typer.Option("--app", help="Id or name of the app. Default: the first one.", show_default=False),
]
Url = Annotated[
    str | None, typer.Option("--url", help="An installation elsewhere, with --key-file.", show_default=False)
]
KeyFile = Annotated[
    Path | None, typer.Option("--key-file", help="File with an API key for --url.", show_default=False)
]
Config = Annotated[Path | None, typer.Option("--config", help="Settings file (TOML).", show_default=False)]
Data = Annotated[
    Path | None, typer.Option("--data-dir", help="Folder of Weir's data. Default: ./var", show_default=False)
]
Name = Annotated[str, typer.Argument(help="Name, id, or a part of the address.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


def _fail(sentence: str) -> None:
    err.print(f"[bold red]weir:[/] {sentence}", soft_wrap=True)
    raise typer.Exit(2)


def _settings(config: Path | None, data_dir: Path | None) -> Settings:
    try:
        return load(config, data_dir=data_dir)
    except SettingsError as error:
        _fail(str(error))
        raise


def _run(
    work: Callable[["Api"], Awaitable[int | None]],
    *,
    app: str | None,
    url: str | None,
    key_file: Path | None,
    config: Path | None,
    data_dir: Path | None,
) -> None:
    """Runs one verb with the API that the options name; its answer is the exit code."""
    from weir.api_client import local, remote

    if (url is None) != (key_file is None):
        _fail("--url and --key-file belong together.")

    async def main() -> int:
        opened: AbstractAsyncContextManager[Api] = (
            remote(url, key_file) if url and key_file else local(_settings(config, data_dir), app)
        )
        async with opened as api:
            return await work(api) or 0

    try:
        code = asyncio.run(main())
    except ApiRefused as refusal:
        _fail(str(refusal))
        return
    except KeyboardInterrupt:
        code = 0
    raise typer.Exit(code)


async def _found(api: "Api", name: str) -> dict[str, Any]:
    """Errors: ApiRefused for none, and for several."""
    known = await api.pages("/v1/webhooks", 1_000)
    exact = [one for one in known if name in (one["id"], one["name"], one["url"])]
    near = exact or [one for one in known if name in one["url"] or name.lower() in one["description"].lower()]
    if len(near) != 1:
        said = "There is no webhook" if not near else "There are several webhooks"
        raise ApiRefused(f"{said} {name}. Known: {', '.join(_label(one) for one in known) or 'none'}.")
    return near[0]


def _label(hook: dict[str, Any]) -> str:
    return str(hook["name"] or hook["id"])


def _state(hook: dict[str, Any]) -> str:
    health = hook["health"]
    if not hook["enabled"]:
        return f"[red]disabled[/] {hook['disabled_reason'] or ''}"
    if health["breaker"] != "closed":
        return f"[yellow]waits for the receiver[/] {health['last_error'] or ''}"
    if health["failures"]:
        return f"[yellow]failing[/] {health['advice'] or health['last_error'] or ''}"
    return "[green]working[/]" if health["last_success"] else "nothing sent yet"


def _table(*columns: str) -> Table:
    """Long values go on in the next line: one that is cut can't be copied."""
    return Table(*(Column(one, overflow="fold") for one in columns), box=None)


def _print_json(value: Any) -> None:
    out.print(json.dumps(value, indent=2), markup=False, soft_wrap=True)


@webhooks.command("list")
def list_webhooks(
    as_json: Json = False, app: App = None, url: Url = None, key_file: KeyFile = None, config: Config = None, data_dir: Data = None
) -> None:  # fmt: skip
    """List webhooks and how they are."""

    async def work(api: "Api") -> None:
        found = await api.pages("/v1/webhooks", 1_000)
        if as_json:
            _print_json(found)
            return
        if not found:
            out.print("No webhooks yet. Make one: [bold]weir webhooks add https://your.server/hook[/]")
            return
        table = _table("name", "address", "events", "state")
        for one in found:
            table.add_row(_label(one), one["url"], " ".join(one["types"]), _state(one))
        out.print(table)

    _run(work, app=app, url=url, key_file=key_file, config=config, data_dir=data_dir)


@webhooks.command()
def add(
    address: Annotated[str, typer.Argument(help="https://… that takes the events.")],
    event: Annotated[list[str] | None, typer.Option("--event", help="stream.live, stream.*, … Default: all.", show_default=False)] = None,
    header: Annotated[list[str] | None, typer.Option("--header", help="'Name: value' to send along.", show_default=False)] = None,
    image: Annotated[bool, typer.Option("--image", help="Send a picture of the stream.")] = False,
    description: Annotated[str, typer.Option("--description", show_default=False)] = "",
    app: App = None, url: Url = None, key_file: KeyFile = None, config: Config = None, data_dir: Data = None,
) -> None:  # fmt: skip
    """Make a webhook; its secret is shown this once."""
    body: dict[str, Any] = {"url": address, "types": event or ["*"], "description": description}
    pairs = dict(one.split(":", 1) for one in header or [] if ":" in one)
    if len(pairs) != len(header or []):
        _fail("--header: write it as 'Name: value'.")
    given = {name.strip(): value.strip() for name, value in pairs.items()}
    for name in [one for one in given if one.lower() == "authorization"]:
        body["auth"] = {"kind": "header", "name": "Authorization", "value": given.pop(name)}
    body |= {"headers": given, **({"image": {"type": "full"}} if image else {})}

    async def work(api: "Api") -> None:
        made = await api.ask("POST", "/v1/webhooks", body)
        out.print(f"[bold]{made['id']}[/]  {made['url']}", soft_wrap=True)
        out.print(f"Secret (shown this once): [bold]{made['secret']}[/]", soft_wrap=True)
        out.print(f"Try it: weir webhooks test {made['id']}", soft_wrap=True)

    _run(work, app=app, url=url, key_file=key_file, config=config, data_dir=data_dir)


@webhooks.command("test")
def send_test(
    name: Name, kind: Annotated[str, typer.Option("--type", help="Type of the example.")] = "stream.live",
    app: App = None, url: Url = None, key_file: KeyFile = None, config: Config = None, data_dir: Data = None,
) -> None:  # fmt: skip
    """Send an example event now; 1 when it is not taken."""

    async def work(api: "Api") -> int:
        hook = await _found(api, name)
        return _told(hook, await api.ask("POST", f"/v1/webhooks/{hook['id']}/test", {"type": kind}))

    _run(work, app=app, url=url, key_file=key_file, config=config, data_dir=data_dir)


MEANINGS = {
    200: "connected",
    201: "connected, and a record was made",
    401: "check the token",
    403: "check the token and what it may do",
    410: "the receiver wants nothing more",
    429: "too many requests; Weir waits as long as the receiver asks for",
}


def _told(hook: dict[str, Any], tested: dict[str, Any]) -> int:
    attempt = tested["attempt"]
    meaning = (
        MEANINGS.get(attempt["status"])
        or attempt["detail"]
        or ("taken" if tested["delivered"] else "not taken")
    )
    colour = "green" if tested["delivered"] else "red"
    out.print(
        f"{_label(hook)}: [{colour}]{attempt['status'] or 'no answer'}[/] {meaning} ({attempt['latency_ms']} ms)",
        soft_wrap=True,
    )
    if attempt["answer"] and not tested["delivered"]:
        out.print(attempt["answer"][:500], markup=False, soft_wrap=True)
    return 0 if tested["delivered"] else 1


@webhooks.command()
def logs(
    name: Name,
    state: Annotated[str | None, typer.Option("--state", help="pending, delivered or failed.", show_default=False)] = None,
    tail: Annotated[int, typer.Option("--tail", min=1, max=1000, help="The newest so many.")] = 20,
    as_json: Json = False, app: App = None, url: Url = None, key_file: KeyFile = None, config: Config = None, data_dir: Data = None,
) -> None:  # fmt: skip
    """Show the newest deliveries of a webhook."""

    async def work(api: "Api") -> None:
        hook = await _found(api, name)
        asked = f"?state={state}" if state else ""
        found = await api.pages(f"/v1/webhooks/{hook['id']}/deliveries{asked}", tail)
        if as_json:
            _print_json(found)
            return
        table = _table("time", "event", "state", "tries", "answer", "delivery")
        for one in found:
            said = str(one["last_status"] or "") + (f" {one['last_error']}" if one["last_error"] else "")
            table.add_row(one["created"], one["type"], one["state"], str(one["tries"]), said, one["id"])
        out.print(table if found else "No deliveries yet.")

    _run(work, app=app, url=url, key_file=key_file, config=config, data_dir=data_dir)


@webhooks.command()
def stats(
    name: Annotated[str | None, typer.Argument(help="Name, id, or a part of the address. Default: all.", show_default=False)] = None,
    as_json: Json = False, app: App = None, url: Url = None, key_file: KeyFile = None, config: Config = None, data_dir: Data = None,
) -> None:  # fmt: skip
    """Show success and latency of the last 24 hours."""

    async def work(api: "Api") -> None:
        hooks = [await _found(api, name)] if name else await api.pages("/v1/webhooks", 1_000)
        found = {one["id"]: await api.ask("GET", f"/v1/webhooks/{one['id']}/stats") for one in hooks}
        if as_json:
            _print_json(found)
            return
        table = Table(
            "name", "delivered", "failed", "waiting", "success", "p50", "p95", "oldest", "breaker", box=None
        )
        for one in hooks:
            of = found[one["id"]]
            share = "" if of["success_rate"] is None else f"{of['success_rate']:.1%}"
            times = [
                "" if of[key] is None else f"{of[key]} ms" for key in ("latency_p50_ms", "latency_p95_ms")
            ]
            oldest = "" if of["oldest_waiting_s"] is None else f"{of['oldest_waiting_s']} s"
            counts = [str(of[key]) for key in ("delivered", "failed", "pending")]
            table.add_row(_label(one), *counts, share, *times, oldest, of["breaker"])
        out.print(table)

    _run(work, app=app, url=url, key_file=key_file, config=config, data_dir=data_dir)


@webhooks.command()
def replay(
    name: Name,
    delivery: Annotated[str | None, typer.Option("--delivery", help="One delivery by its id.", show_default=False)] = None,
    since: Annotated[str | None, typer.Option("--since", help="From this time on, e.g. 2026-11-27T00:00:00Z.", show_default=False)] = None,
    state: Annotated[str, typer.Option("--state", help="failed, delivered or all.")] = "failed",
    recover: Annotated[bool, typer.Option("--recover", help="Also what it never got (with --since).")] = False,
    app: App = None, url: Url = None, key_file: KeyFile = None, config: Config = None, data_dir: Data = None,
) -> None:  # fmt: skip
    """Send deliveries again, under the same ids."""
    body = {"delivery": delivery} if delivery else {"since": since, "state": state, "recover": recover}

    async def work(api: "Api") -> None:
        hook = await _found(api, name)
        done = await api.ask("POST", f"/v1/webhooks/{hook['id']}/replay", body)
        out.print(f"{done['deliveries']} sent again, {done['recovered']} recovered.")

    _run(work, app=app, url=url, key_file=key_file, config=config, data_dir=data_dir)


@webhooks.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="INI with [webhooks] and [[name]].")], config: Config = None, data_dir: Data = None
) -> None:  # fmt: skip
    """Make the webhooks of a file, or change them (docs/examples/config.ini)."""
    from control.webhooks.composition import build_webhooks
    from control.webhooks.file_import import read_sections
    from weir.app import open_services
    from weir.foundation.errors import Refused

    settings = _settings(config, data_dir)

    async def main() -> int | None:
        sections = read_sections(file)
        async with open_services(settings) as services:
            return await build_webhooks(services, {}).file.apply(sections, only=True)

    try:
        done = asyncio.run(main())
    except (SettingsError, Refused) as error:
        _fail(str(error))
        return
    if done is None:
        _fail("There is no app yet. Start Weir once: weir up")
    out.print(f"{done} webhook{'s' if done != 1 else ''} as in {file}.")


def listen(
    event: Annotated[list[str] | None, typer.Option("--event", help="stream.live, stream.*, … Default: all.", show_default=False)] = None,
    forward: Annotated[str | None, typer.Option("--forward", help="POST each event to this address, signed.", show_default=False)] = None,
    as_json: Json = False, app: App = None, url: Url = None, key_file: KeyFile = None, config: Config = None, data_dir: Data = None,
) -> None:  # fmt: skip
    """Print an app's events as they happen, and forward them to a program on your machine."""

    from weir.foundation.egress.signatures import new_signing_secret

    async def work(api: "Api") -> None:
        secret = new_signing_secret("hmac")
        async for one in api.events(",".join(event or ["*"])):
            if one["type"] == "system.notice" and one.get("code") == "subscribed":
                err.print("Listening. Ctrl-C stops.")
                if forward:
                    err.print(f"Events go to {forward}, signed with [bold]{secret}[/]", soft_wrap=True)
                continue
            status = await api.forward(forward, secret, one) if forward and "id" in one else None
            _print_event(one, as_json, status)

    _run(work, app=app, url=url, key_file=key_file, config=config, data_dir=data_dir)


def _print_event(event: dict[str, Any], as_json: bool, status: int | None) -> None:
    if as_json:
        out.print(json.dumps(event), markup=False, soft_wrap=True)
        return
    rest = {name: value for name, value in event.items() if name not in ("id", "type", "at", "epoch", "seq")}
    sent = "" if status is None else f"  -> {status or 'no answer'}"
    out.print(
        f"{event.get('at', '')}  {event['type']:<28} {json.dumps(rest)}{sent}", markup=False, soft_wrap=True
    )


def trigger(
    kind: Annotated[str, typer.Argument(help="Type of the event, e.g. stream.live or custom.plate.seen.")],
    data: Annotated[str, typer.Option("--data", help="JSON of the event's data.", show_default=False)] = "",
    app: App = None, url: Url = None, key_file: KeyFile = None, config: Config = None, data_dir: Data = None,
) -> None:  # fmt: skip
    """Cause an event: custom.* for everybody who listens, other types as an example to the webhooks that want
    them."""
    try:
        given = json.loads(data) if data else None
    except ValueError as error:
        _fail(f"--data is not JSON: {error}.")
        return

    async def work(api: "Api") -> int:
        if kind.startswith("custom."):
            made = await api.ask("POST", "/v1/events", {"type": kind, "data": given or {}})
            out.print(f"{made['id']}  {kind}")
            return 0
        hooks = [one for one in await api.pages("/v1/webhooks?enabled=true", 1_000) if _wants(one, kind)]
        if not hooks:
            raise ApiRefused(f"No webhook wants {kind}. Make one: weir webhooks add https://… --event {kind}")
        body = {"type": kind, **({"data": given} if given is not None else {})}
        codes = [_told(one, await api.ask("POST", f"/v1/webhooks/{one['id']}/test", body)) for one in hooks]
        return max(codes)

    _run(work, app=app, url=url, key_file=key_file, config=config, data_dir=data_dir)


def _wants(hook: dict[str, Any], kind: str) -> bool:
    return any(
        one in ("*", kind) or (one.endswith(".*") and kind.startswith(one[:-1])) for one in hook["types"]
    )
