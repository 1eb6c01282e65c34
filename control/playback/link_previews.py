"""What other sites show where somebody has posted a watch address: tags for the page's head (Open Graph,
Twitter cards) and oEmbed's answer. Pure.

Titles and descriptions are written by whoever streams, so each goes through `_attribute` before it is HTML.
"""

import re
from html import escape
from typing import Any
from urllib.parse import quote, urlsplit

from weir.foundation.ids import is_id
from weir.foundation.tenancy.collections import StreamDoc

LONGEST_DESCRIPTION = 300
WIDTH, HEIGHT = 1280, 720
UNTITLED = "Live stream"
_PAGE = re.compile(r"/(?:watch|embed)/([A-Za-z0-9_]{1,64})/?")


def _attribute(text: str) -> str:
    return escape(" ".join(text.split()), quote=True)


def titled(stream: StreamDoc) -> str:
    """The title; of one without words the streamer's name."""
    return (stream.get("title") or "").strip() or (stream.get("streamer") or "").strip() or UNTITLED


def page_head(stream: StreamDoc, base_url: str) -> str:
    """The tags of a public stream's page."""
    playback, title = stream["playback"], titled(stream)
    said = " ".join((stream.get("description") or stream.get("category") or "").split())
    description = said if len(said) <= LONGEST_DESCRIPTION else said[: LONGEST_DESCRIPTION - 1] + "…"
    watch, embed = f"{base_url}/watch/{playback}", f"{base_url}/embed/{playback}"
    picture = f"{base_url}/v1/watch/{playback}/poster.jpg"
    tags = {
        "og:type": "video.other",
        "og:url": watch,
        "og:title": title,
        "og:description": description,
        "og:image": picture,
        "og:video": embed,
        "og:video:secure_url": embed if embed.startswith("https:") else "",
        "og:video:type": "text/html",
        "og:video:width": str(WIDTH),
        "og:video:height": str(HEIGHT),
    }
    cards = {
        "description": description,
        "twitter:card": "summary_large_image",
        "twitter:title": title,
        "twitter:description": description,
        "twitter:image": picture,
    }
    asked = f"{base_url}/oembed?format=json&url={quote(watch, safe='')}"
    return "".join(
        (
            *(
                f'<meta property="{name}" content="{_attribute(text)}" />'
                for name, text in tags.items()
                if text
            ),
            *(f'<meta name="{name}" content="{_attribute(text)}" />' for name, text in cards.items() if text),
            f'<link rel="alternate" type="application/json+oembed" href="{_attribute(asked)}" title="{_attribute(title)}" />',
        )
    )


def playback_of(url: str, base_url: str) -> str | None:
    """The id in the address of a watch or embed page of this installation; None for any other address."""
    if not url.startswith(base_url + "/"):
        return None
    try:
        path = urlsplit(url[len(base_url) :]).path
    except ValueError:
        return None
    found = _PAGE.fullmatch(path)
    return found[1] if found and any(is_id(kind, found[1]) for kind in ("ply", "rec", "vod")) else None


def fitted(max_width: int | None, max_height: int | None) -> tuple[int, int]:
    """The largest picture of 16:9 within these bounds and ours."""
    width = min(WIDTH, max_width or WIDTH, (max_height or HEIGHT) * 16 // 9)
    return max(1, width), max(1, round(width * 9 / 16))


def oembed(stream: StreamDoc, base_url: str, max_width: int | None, max_height: int | None) -> dict[str, Any]:
    """oembed.com, type `video`."""
    width, height = fitted(max_width, max_height)
    playback, title = stream["playback"], titled(stream)
    frame = (
        f'<iframe src="{escape(base_url)}/embed/{playback}" width="{width}" height="{height}" title="{_attribute(title)}" '
        'style="border:0" allow="autoplay; fullscreen; picture-in-picture" allowfullscreen></iframe>'
    )
    return {
        "version": "1.0",
        "type": "video",
        "title": title,
        "author_name": stream.get("streamer", ""),
        "provider_url": base_url,
        "cache_age": 60,
        "thumbnail_url": f"{base_url}/v1/watch/{playback}/poster.jpg",
        "thumbnail_width": WIDTH,
        "thumbnail_height": HEIGHT,
        "html": frame,
        "width": width,
        "height": height,
    }
