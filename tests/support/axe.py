"""What axe-core finds on a page: faults of accessibility that a program can see."""

from functools import cache
from typing import Any

from playwright.sync_api import Page

from tests.support.running_stack import ROOT

# The contrast of words over a moving picture can't be known, and a test pattern has no captions.
LEFT_OUT = ("video-caption",)

# An open menu lies beside the landmarks, over the page, as all menus do.
RUN_JS = """async (rules) => {
  const { violations } = await axe.run(document, { rules, resultTypes: ['violations'] });
  const inMenu = ({ target }) => document.querySelector(target[0])?.closest('[role=menu]') !== null;
  return { violations: violations.filter(({ id, nodes }) => id !== 'region' || !nodes.every(inMenu)) };
}"""


@cache
def _source() -> str:
    return (ROOT / "player/node_modules/axe-core/axe.min.js").read_text()


def violations(page: Page) -> list[str]:
    """One line a fault: its rule and the first elements that it concerns. The pages' policy lets no script in,
    so the rules are brought by the browser's own debugger."""
    page.evaluate(_source())
    found: dict[str, Any] = page.evaluate(
        RUN_JS,
        {rule: {"enabled": False} for rule in LEFT_OUT},
    )
    return [
        f"axe {one['id']} ({one['impact']}): {' | '.join(str(node['target']) for node in one['nodes'][:3])}"
        for one in found["violations"]
    ]
