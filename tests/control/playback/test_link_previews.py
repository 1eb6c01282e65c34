"""What other sites show of a watch page: a title is written by a troll, and no signed one is told."""

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.playback.link_previews import fitted, oembed, page_head, playback_of
from tests.support.control_room import World, bearer
from weir.foundation.ids import new_id
from weir.foundation.tenancy.collections import APPS

BASE = "https://live.example"
PLY = "ply_01m8hft0j1sy194b9st77j5jc2"
NASTY = [
    '"><script>alert(1)</script>',
    "</head><body onload=x>",
    "<!--# include virtual=/v1/streams -->",
    "' onerror='x",
    "&quot;&amp;",
    "🎷" * 140,
    "שלום 👩‍🚀",
    "-->",
    "]]>",
]


class Tags(HTMLParser):
    """Tags with their attributes, and whatever is no tag."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags, self.texts = list[tuple[str, dict[str, str | None]]](), list[str]()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.texts.append(data)

    def handle_endtag(self, tag: str) -> None:
        self.texts.append(tag)

    def content(self, name: str) -> str | None:
        return next(
            (one["content"] for _, one in self.tags if name in (one.get("property"), one.get("name"))), None
        )


def stream(**fields: Any) -> Any:
    return {"playback": PLY, "title": "Show", **fields}


@given(title=st.text(max_size=140) | st.sampled_from(NASTY), description=st.text() | st.sampled_from(NASTY))
def test_whatever_they_say_it_stays_within_an_attribute(title: str, description: str) -> None:
    """Only meta and link tags, no text, no other attribute, in one line; the title arrives as it was meant."""
    html = page_head(stream(title=title, description=description, streamer="Zoë"), BASE)
    found = Tags(html)
    assert "\n" not in html
    assert found.texts == []
    assert {tag for tag, _ in found.tags} == {"meta", "link"}
    assert all(
        set(one) <= {"property", "name", "content", "rel", "type", "href", "title"} for _, one in found.tags
    )
    assert found.content("og:title") == (" ".join(title.split()) or "Zoë")
    assert len(found.content("og:description") or "") <= 300


def test_addresses_are_those_of_the_installation() -> None:
    found = Tags(page_head(stream(), BASE))
    assert found.content("og:image") == found.content("twitter:image") == f"{BASE}/v1/watch/{PLY}/poster.jpg"
    assert (found.content("og:video"), found.content("og:video:type")) == (f"{BASE}/embed/{PLY}", "text/html")
    assert (found.content("og:url"), found.content("twitter:card")) == (
        f"{BASE}/watch/{PLY}",
        "summary_large_image",
    )
    (link,) = [one for tag, one in found.tags if tag == "link"]
    assert link["href"] == f"{BASE}/oembed?format=json&url=https%3A%2F%2Flive.example%2Fwatch%2F{PLY}"


@pytest.mark.parametrize("title", NASTY)
def test_the_frame_of_oembed_is_one_tag(title: str) -> None:
    found = Tags(oembed(stream(title=title), BASE, None, None)["html"])
    ((tag, attributes),) = found.tags
    assert (tag, attributes["src"], found.texts) == ("iframe", f"{BASE}/embed/{PLY}", ["iframe"])
    assert attributes["title"] == " ".join(title.split())


@pytest.mark.parametrize(
    ("bounds", "size"),
    [((None, None), (1280, 720)), ((640, None), (640, 360)), ((None, 90), (160, 90)), ((10_000, 10_000), (1280, 720)), ((1, 1), (1, 1))],
)  # fmt: skip
def test_the_frame_keeps_within_what_is_wanted(bounds: Any, size: Any) -> None:
    assert fitted(*bounds) == size


@pytest.mark.parametrize(
    "url",
    [
        f"https://live.example.evil/watch/{PLY}", f"http://live.example/watch/{PLY}", f"https://live.example@evil/watch/{PLY}",
        f"{BASE}/studio", f"{BASE}/watch/", f"{BASE}/watch/{PLY}/x", f"{BASE}/watch/x", "https://[", "", f"{BASE}/watch/..%2f{PLY}",
    ],
)  # fmt: skip
def test_other_addresses_are_nobody_s(url: str) -> None:
    assert playback_of(url, BASE) is None


@pytest.mark.parametrize("path", ["/watch/{}", "/embed/{}", "/watch/{}/", "/watch/{}?t=5#x"])
def test_our_pages_are_known(path: str) -> None:
    assert playback_of(BASE + path.format(PLY), BASE) == PLY


class Site:
    def __init__(self, world: World, app: str, key: dict[str, str], stream: dict[str, Any]) -> None:
        self.world, self.app, self.key, self.stream = world, app, key, stream

    async def oembed(self, url: str = "", **more: Any) -> Any:
        params = {"url": url or self.stream["watch_url"], **more}
        return await self.world.http.get("/oembed", params=params, headers={"Host": "evil.example"})

    async def head(self, playback: str = "") -> str:
        secret = self.world.services.vault.text_key("internal")
        headers = {"X-Internal-Secret": secret, "X-Playback-Id": playback or self.stream["playback_id"]}
        reply = await self.world.http.get("/internal/page_head", headers={**headers, "Host": "evil.example"})
        assert (reply.status_code, reply.headers["X-Accel-Expires"]) == (200, "10")
        return reply.text


@pytest.fixture
async def site(world: World) -> Site:
    owner = await world.owner()
    app = str((await world.app(owner))["id"])
    key = bearer((await world.key(owner, app))["api_key"])
    stream = await world.done("POST", "/v1/streams", key, {"title": NASTY[0], "streamer": "Zoë"})
    return Site(world, app, key, stream)


async def test_oembed_says_how_a_stream_is_embedded(site: Site) -> None:
    reply = await site.oembed(maxwidth=640, dnt="true")
    told, base = reply.json(), site.world.services.settings.base_url
    assert (reply.status_code, told["width"], told["height"], told["title"]) == (200, 640, 360, NASTY[0])
    assert (told["author_name"], told["provider_url"]) == ("Zoë", base)
    assert "evil.example" not in reply.text


async def test_oembed_refuses_as_its_specification_says(site: Site) -> None:
    for url in (
        "https://elsewhere.example/watch/x",
        f"{site.world.services.settings.base_url}/watch/{new_id('ply')}",
    ):
        reply = await site.oembed(url)
        assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
    assert (await site.oembed(format="xml")).status_code == 501
    assert (await site.world.http.get("/oembed")).status_code == 422
    await site.world.done("PATCH", f"/v1/streams/{site.stream['id']}", site.key, {"visibility": "signed"})
    reply = await site.oembed()
    assert (reply.status_code, NASTY[0] in reply.text) == (401, False)


async def test_only_what_is_public_has_a_head(site: Site) -> None:
    """A signed, an unknown and a closed stream answer byte for byte alike, and nobody but nginx is answered."""
    assert 'property="og:title" content="&quot;&gt;&lt;script' in await site.head()
    assert "evil.example" not in await site.head()
    assert await site.head(new_id("ply")) == await site.head("../x") == ""
    await site.world.done("PATCH", f"/v1/streams/{site.stream['id']}", site.key, {"visibility": "signed"})
    assert await site.head() == ""
    await site.world.done("PATCH", f"/v1/streams/{site.stream['id']}", site.key, {"visibility": "public"})
    assert await site.head() != ""
    await site.world.services.store.operator().update(APPS, site.app, set={"state": "suspended"})
    site.world.services.directory._cache.clear()
    assert await site.head() == ""
    assert (await site.oembed()).status_code == 404
    assert (await site.world.http.get("/internal/page_head")).status_code == 403
