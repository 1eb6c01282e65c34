"""What a viewer's browser loads before it plays."""

import gzip
import re
from pathlib import Path

DIST = Path(__file__).resolve().parents[2] / "player/dist"
MOST_KB = 250


def test_the_watch_page_stays_small() -> None:
    """All scripts that the page names, compressed; the full engine and the studio's code are not among them."""
    page = (DIST / "watch.html").read_text()
    scripts = re.findall(r'(?:src|href)="/(assets/[^"]+\.js)"', page)
    assert any("/watch-" in one for one in scripts)
    assert not [one for one in scripts if re.search(r"/(hls-full|studio|swagger|tus)-", one)]
    size = sum(len(gzip.compress((DIST / one).read_bytes(), 9)) for one in scripts)
    assert size <= MOST_KB * 1000, f"{size / 1000:.0f} KB"
