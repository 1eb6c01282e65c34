"""The pages on partners say what is so: each operation has an example that is taken, and every field of it is sent."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from control.integrations.credentials import Credentials, header_of
from control.integrations.models import NewCall
from control.integrations.operations import KINDS, OPERATIONS, PARTNERS, PartnerKind, prepare

DOCS = Path(__file__).resolve().parents[3] / "docs/integrations"
PAGES = {kind: (DOCS / f"{kind}.md").read_text() for kind in KINDS}


def examples(kind: PartnerKind) -> list[Any]:
    return [json.loads(one) for one in re.findall(r"^```json\n(.*?)^```", PAGES[kind], re.M | re.S)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_operation_has_an_example_that_is_taken(kind: PartnerKind) -> None:
    found = {one["operation"]: one for one in examples(kind)}
    assert set(found) == {one.name for one in PARTNERS[kind].operations}
    for name, example in found.items():
        call = NewCall.model_validate(example)
        data = OPERATIONS[name].data.model_validate(call.data)
        assert prepare(OPERATIONS[name], data, "dlv_1", 0, "").path.startswith("/")
        sent = data.sent()
        assert set(sent) >= set(call.data), name


@pytest.mark.parametrize("kind", KINDS)
def test_every_page_helps(kind: PartnerKind) -> None:
    page = PAGES[kind]
    assert f"`kind: {kind}`" in page
    for text in ("## When it does not work", "Authentication", "Formats", "Times and currency"):
        assert text in page, text
    for address in PARTNERS[kind].addresses:
        assert address in page
    if kind != "custom":
        shown = [json.loads(one) for one in re.findall(r'`(\{"kind": "[^`]*\})`', page.replace("\n", " "))]
        assert shown
        for one in shown:
            header_of(TypeAdapter(Credentials).validate_python(one).model_dump())


def test_the_overview_names_all_and_has_ten_points() -> None:
    overview = (DOCS / "README.md").read_text()
    for name in OPERATIONS:
        assert f"`{name}`" in overview
    points = overview.partition("## Before going live")[2].partition("## Backup")[0]
    assert re.findall(r"^(\d+)\. ", points, re.M) == [str(n) for n in range(1, 11)]
    assert "weir backup" in overview and "weir restore" in overview
