"""Names that look alike have one skeleton; others have not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.foundation.lookalikes import skeleton


@pytest.mark.parametrize(
    "alike",
    [
        "olga owner",
        "OLGA OWNER",
        "OIga 0wner",
        "Оlgа Оwnеr",
        "ΟLGA ΟWΝΕR",
        "O\u200blga_Owner",
        "0LGA-OVVNER",
        "ᴏʟɢᴀ owner",
        "Ölga Òwner",
        "Olga Owner ✓",
        "Ｏｌｇａ Owner",
        "𝐎𝐥𝐠𝐚 Owner",
    ],
)
def test_what_is_drawn_alike_is_alike(alike: str) -> None:
    """Letters of other scripts, digits, marks, blanks, signs, wide and bold ones."""
    assert skeleton(alike) == skeleton("Olga Owner")


@pytest.mark.parametrize("other", ["Olga", "Olga Owen", "Ольга", "Guest 5131", "✓", ""])
def test_others_are_not(other: str) -> None:
    assert skeleton(other) != skeleton("Olga Owner")


@given(st.text())
def test_a_skeleton_has_no_other(name: str) -> None:
    """Comparing twice says the same as once."""
    bones = skeleton(name)
    assert skeleton(name.swapcase().swapcase() if name.isascii() else name) == bones
    assert bones == "" or bones.isalnum()
