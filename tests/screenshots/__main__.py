"""Every page in both themes, on a desk and a phone, in English and Arabic: to be looked at (`make screenshots`)."""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.e2e.browsing import CHROMIUM
from tests.screenshots.content import EMAIL, PASSWORD, Content
from tests.support.axe import violations
from tests.support.running_stack import ROOT

SIZES = {"desk": (1440, 900), "phone": (390, 844)}
LANGUAGES = ("en", "ar")
THEMES = ("dark", "light")
SETTLE_MS = 700


@dataclass(frozen=True)
class Shot:
    """A page: where it is, what is done there before the picture, and what must be there."""

    name: str
    path: str
    ready: str
    prepare: Callable[[Page], None] | None = None


def studio_shots(content: Content) -> Iterator[Shot]:
    app, stream = content.app, content.live
    for name, path, ready in (
        ("home", "home", "[data-testid=checklist], [data-testid=live-now]"),
        ("streams", "streams", "[data-testid=stream-item]"),
        ("stream-new", "streams/new", "[data-testid=create-stream]"),
        ("stream", f"streams/{stream}", "[data-testid=obs-key]"),
        ("stream-offline", f"streams/{content.offline}", "[data-testid=obs-key]"),
        ("stream-settings", f"streams/{stream}/settings", "[data-testid=save-stream]"),
        ("stream-broadcasts", f"streams/{stream}/broadcasts", "[data-testid=broadcast]"),
        ("stream-recordings", f"streams/{stream}/recordings", "[data-testid=recording]"),
        ("recordings", "recordings", "[data-testid=recording]"),
        ("channels", "channels", "h1"),
        ("channel", f"channels/{content.channel}", "h1"),
        ("places", "places", "h1"),
        ("place", f"places/{content.place}", "h1"),
        ("profiles", "profiles", "h1"),
        ("usage", "usage", "[data-testid=usage-csv]"),
        ("events", "events", "h1"),
        ("webhooks", "webhooks", "h1"),
        ("webhook-new", "webhooks/new", "h1"),
        ("webhook", f"webhooks/{content.webhook}", "h1"),
        ("sources", "sources", "h1"),
        ("source-new", "sources/new", "h1"),
        ("integrations", "integrations", "h1"),
        ("keys", "keys", "[data-testid=create-key]"),
        ("tokens", "tokens", "h1"),
        ("team", "team", "[data-testid=member]"),
        ("log", "log", "[data-testid=entry]"),
        ("settings", "settings", "[data-testid=save-app]"),
        ("lost", "nothing-here", "[data-testid=empty]"),
    ):
        yield Shot(f"studio-{name}", f"/studio/{app}/{path}", ready)
    yield Shot("studio-account", "/studio/account", "[data-testid=change-password]")
    yield Shot("studio-operator", "/studio/operator", "h1")
    yield Shot("studio-empty-home", f"/studio/{content.empty_app}/home", "[data-testid=live-now]")
    yield Shot("studio-empty-streams", f"/studio/{content.empty_app}/streams", "[data-testid=empty]")
    yield Shot(
        "studio-palette",
        f"/studio/{app}/home",
        "[data-testid=live-now]",
        lambda page: page.keyboard.press("Control+k"),
    )
    yield Shot("studio-menu", f"/studio/{app}/home", "[data-testid=live-now]", _open_menu)


def _open_menu(page: Page) -> None:
    opener = page.locator("[data-testid=open-menu]")
    if opener.is_visible():
        opener.click()
    page.locator("[data-testid=account]:visible").last.click()


def public_shots(content: Content) -> Iterator[Shot]:
    watch = f"/watch/{content.live_playback}"
    yield Shot("watch-live", watch, "[data-testid=stream-state][data-state=live]")
    yield Shot(
        "watch-offline", f"/watch/{content.offline_playback}", "[data-testid=stream-state][data-state=idle]"
    )
    yield Shot("watch-signed", f"/watch/{content.signed_playback}", "h2, h1")
    yield Shot("watch-missing", "/watch/ply_00000000000000000000000000", "h2, h1")
    yield Shot("watch-recording", f"/watch/{content.recording}", "[data-testid=video]")
    yield Shot("watch-share", watch, "[data-testid=share]", lambda page: page.click("[data-testid=share]"))
    yield Shot("embed", f"/embed/{content.live_playback}", "[data-testid=video]")
    yield Shot("sign-in", "/studio", "[data-testid=submit]")
    yield Shot("kit", "/kit", "h1")


@contextmanager
def visitor(
    browser: Browser, content: Content, size: str, theme: str, *, known: bool
) -> Iterator[BrowserContext]:
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=theme,  # type: ignore[arg-type]
        is_mobile=size == "phone",
        has_touch=size == "phone",
        reduced_motion="reduce",
    )
    if known:
        answer = context.request.post(
            f"{content.address}/v1/auth/login", data={"email": EMAIL, "password": PASSWORD}
        )
        assert answer.ok, answer.text()
    try:
        yield context
    finally:
        context.close()


def take(context: BrowserContext, content: Content, shot: Shot, name: str, folder: Path) -> list[str]:
    """Takes one picture; returns what the page complained of."""
    page, said = context.new_page(), list[str]()
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    language = name.rsplit("-", 1)[1]
    joint = "&" if "?" in shot.path else "?"
    try:
        page.goto(f"{content.address}{shot.path}{joint}lang={language}")
        page.wait_for_selector(shot.ready, timeout=6_000)
        page.wait_for_timeout(SETTLE_MS)
        if shot.prepare is not None:
            shot.prepare(page)
            page.wait_for_timeout(SETTLE_MS)
    except Exception as error:  # a page that does not come is part of the report
        said.append(f"not ready: {str(error).splitlines()[0]}")
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    if wide > 0:
        said.append(f"{wide} px wider than the window")
    said += violations(page)
    page.screenshot(
        path=folder / f"{name}.png", full_page=not shot.name.startswith(("studio-palette", "studio-menu"))
    )
    page.close()
    return said


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="names that contain this")
    parser.add_argument("--folder", type=Path, default=ROOT / "var/screenshots")
    parser.add_argument("--sizes", default=",".join(SIZES))
    parser.add_argument("--languages", default=",".join(LANGUAGES))
    parser.add_argument("--themes", default=",".join(THEMES))
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    found = 0
    with Content() as content, sync_playwright() as started:
        browser = started.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        for size in given.sizes.split(","):
            for theme in given.themes.split(","):
                for known, shots in ((True, studio_shots(content)), (False, public_shots(content))):
                    with visitor(browser, content, size, theme, known=known) as context:
                        for shot in shots:
                            if given.only not in shot.name:
                                continue
                            for language in given.languages.split(","):
                                name = f"{shot.name}-{size}-{theme}-{language}"
                                said = take(context, content, shot, name, given.folder)
                                found += len(said)
                                print(name, *said, sep="\n  ", flush=True)
        browser.close()
    print(f"{found} complaints; pictures in {given.folder}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
