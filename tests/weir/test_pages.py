"""What a page may be put into, how long it is kept, and who sees what is no page for visitors."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.web_front import WebFront, web_front

PROXY, STRANGER = "127.0.0.2", "198.51.100.9"
PAGES = {"watch.html": b"watch", "studio.html": b"studio", "docs.html": b"docs", "assets/app-1.js": b"script"}


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebFront]:
    folder = tmp_path_factory.mktemp("p")
    with web_front(
        folder,
        player_dir=pages(folder),
        trusted_proxies=[PROXY],
        metrics_allow=["127.0.0.1/32", "127.0.0.2/32"],
    ) as made:
        yield made


def pages(folder: Path) -> Path:
    for name, content in PAGES.items():
        path = folder / "pages" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder / "pages"


def test_only_the_embedded_player_may_be_framed(front: WebFront) -> None:
    """Its own address, and no other that leads to another page by a detour."""
    for path in ("/embed/ply_01", "/embed/ply_01/", "/embed/ply_01?muted=1"):
        page = front.ask(path)
        assert (page.status, page.content) == (200, b"watch"), path  # type: ignore[attr-defined]
        assert "frame-ancestors *" in page.headers["content-security-policy"], path
    slashes, dots = ("/", "%2f", "%2F", "//", "/./", "%5c", "\\"), ("..", "%2e%2e", ".%2e", "%2E.")
    for slash, dot, page_name in itertools.product(slashes, dots, ("studio", "docs", "watch/ply_01", "")):
        for path in (
            f"/embed/{dot}{slash}{page_name}",
            f"/embed/x/{dot}/{dot}{slash}{page_name}",
            f"/embed{slash}{dot}{slash}{page_name}",
        ):
            page = front.ask(path)
            assert (
                page.status != 200 or "frame-ancestors 'none'" in page.headers["content-security-policy"]
            ), path
    others = "/embed/%2fstudio /embed/x/studio /embed/x;/studio /embed/x%3f /embed/ /embed /studio?/embed/x /studio#/embed/x //embed/../studio"
    for path in (*others.split(), "/studio/embed/x", "/watch/ply_01", "/docs", "/"):
        assert "frame-ancestors *" not in (front.ask(path).headers["content-security-policy"] or ""), path


def test_only_what_never_changes_is_kept(front: WebFront) -> None:
    """Files with their content's name for a year; a page that is asked for by a detour through their folder
    is asked for again."""
    kept = front.ask("/assets/app-1.js")
    assert (kept.status, kept.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    for path in ("/assets/..%2fstudio", "/assets/%2e%2e/studio", "/assets/../studio", "/studio"):
        page = front.ask(path)
        assert (page.status, page.content, page.headers["cache-control"]) == (200, b"studio", "no-cache"), (  # type: ignore[attr-defined]
            path
        )


@pytest.mark.parametrize("path", ["/metrics", "/readyz"])
def test_figures_are_for_those_who_are_named(front: WebFront, path: str) -> None:
    """By the peer and by the visitor's address. Everybody else finds what is found at an unknown address,
    byte for byte."""

    def shown(source: str, where: str = path, **headers: str) -> tuple[int, bytes, set[tuple[str, str]]]:
        answer = front.ask(where, source, **headers)
        return answer.status, answer.content, {pair for pair in answer.getheaders() if pair[0] != "Date"}  # type: ignore[attr-defined]

    assert shown("127.0.0.1")[0] == 200
    assert shown(PROXY)[0] == 200
    assert shown(PROXY, X_Forwarded_For="127.0.0.1")[0] == 200
    unknown = shown("127.0.0.1", "/nothing")
    assert unknown[0] == 404
    assert shown("127.0.0.3") == unknown
    assert shown(PROXY, X_Forwarded_For=STRANGER) == unknown
    assert shown(PROXY, X_Forwarded_For=f"127.0.0.1, {STRANGER}") == unknown
    for name in ("X_Forwarded_For", "X_Real_IP", "Forwarded", "Via"):
        assert shown("127.0.0.1", **{name: "127.0.0.1"}) == unknown, (
            "a proxy that is not known, on this machine"
        )
    for detour in ("//metrics", "/./metrics", "/%6detrics", "/x/../metrics", "/metrics?x", "/metrics/"):
        assert shown("127.0.0.3", detour)[0] == 404, detour


def test_whether_it_lives_may_be_asked_by_anybody(front: WebFront) -> None:
    """Load balancers do."""
    assert front.ask("/healthz", "127.0.0.3").status == 200


@pytest.mark.parametrize("path", ["/nothing", "/watch/", "/old/page", "/missing.png"])
def test_an_address_without_a_page_says_where_one_is(front: WebFront, path: str) -> None:
    """As a page for people, with links."""
    answer = front.ask(path)
    assert answer.status == 404
    assert b'href="/studio"' in answer.content  # type: ignore[attr-defined]
    assert answer.getheader("Content-Type") == "text/html; charset=utf-8"
