"""`weir up` and `weir status`: what a person sees of the embedded stack."""

import asyncio
from typing import Any

from rich.console import Console
from rich.status import Status

from weir import doctor
from weir.foundation.clock import monotonic
from weir.foundation.errors import Unavailable
from weir.foundation.ingest_client import ApplicationClient
from weir.foundation.settings import Settings
from weir.foundation.telemetry import configure_logs
from weir.foundation.vault import open_vault
from weir.server_configs import internal_secret
from weir.supervisor import Supervisor

err = Console(stderr=True, highlight=False)
out = Console(highlight=False)


async def start(settings: Settings) -> tuple[Supervisor, float]:
    """The running stack and the seconds that it took. Errors: stack.StackError."""
    configure_logs(settings)
    stack, began = Supervisor(settings), monotonic()
    with Status("starting …", console=err) as shown:
        await stack.start(lambda step: shown.update(f"starting {step} …"))
    return stack, monotonic() - began


def application(settings: Settings) -> ApplicationClient:
    return ApplicationClient(settings, internal_secret(open_vault(settings), settings))


async def up(settings: Settings, stop: asyncio.Event) -> int:
    """Runs until `stop` is set; returns 0 after an orderly end."""
    stack, took = await start(settings)
    try:
        print_card(await application(settings).post("/internal/card", {}), f"Weir is up ({took:.1f} s)")
        if not (settings.player_dir / "watch.html").exists():
            err.print("[yellow]The viewer pages are not built yet:[/] run [bold]make setup[/].")
        await stop.wait()
    finally:
        err.print("stopping …")
        await stack.stop()
    return 0


def print_card(card: dict[str, Any], title: str) -> None:
    """Plain lines: a key that a frame has cut cannot be copied."""
    out.rule(f"[bold]{title}[/]", align="left")
    for label, value in (
        ("Watch", card["watch_url"]),
        ("Studio", card["studio_url"]),
        ("OBS server", card["rtmp_url"]),
        ("OBS stream key", card["stream_key"]),
    ):
        out.print(f"  [bold]{label:<15}[/]{value}", soft_wrap=True)
    out.rule("Ctrl-C stops everything", align="left", style="dim")


async def status(settings: Settings, as_json: bool = False) -> int:
    """Returns 0 when a healthy stack runs on this data folder. Changes nothing, except for a new set-up link
    while the installation has no owner."""
    if not doctor.running(settings.data):
        err.print(f"No stack is running on {settings.data}.")
        return 1
    app = application(settings)
    try:
        health, seen = await app.get("/readyz"), await app.get("/internal/overview")
    except Unavailable as error:
        err.print(error.detail)
        return 1
    if as_json:
        out.print_json(data={**seen, "health": health})
    else:
        print_overview(health, seen)
    return 0 if health["status"] == "ok" else 1


def print_overview(health: dict[str, Any], seen: dict[str, Any]) -> None:
    out.print(", ".join(f"{part}: {state}" for part, state in health.items()))
    for label, value in (("Studio", seen["studio_url"]), ("OBS server", seen["rtmp_url"])):
        out.print(f"  [bold]{label:<15}[/]{value}", soft_wrap=True)
    out.print(f"{seen['apps']} apps, {seen['streams']} streams, {len(seen['on_air'])} on air")
    for one in seen["on_air"]:
        viewers = "?" if one["viewers"] is None else one["viewers"]
        out.print(
            f"  [bold]{one['state']:<15}[/]{one['title'] or one['id']}, {viewers} watching, since {one['since']}",
            soft_wrap=True,
        )
        out.print(f"  {'':<15}{one['watch_url']}", soft_wrap=True)
