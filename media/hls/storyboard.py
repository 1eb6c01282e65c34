"""Seek previews: sheets of small pictures and the WebVTT that says which second shows which. [decision]"""

from dataclasses import dataclass

COLUMNS, ROWS = 10, 10
WIDTH = 160
FINE_S, COARSE_S, LONG_S = 5, 10, 1800


@dataclass(frozen=True)
class Storyboard:
    """One picture each `every_s` seconds, 100 a sheet, each `width` × `height` pixels."""

    every_s: int
    width: int
    height: int
    pictures: int

    @property
    def names(self) -> list[str]:
        return [sheet_name(number) for number in range(-(-self.pictures // (COLUMNS * ROWS)))]


def sheet_name(number: int) -> str:
    return f"sprite_{number}.jpg"


def plan_storyboard(duration_s: float, picture: tuple[int, int]) -> Storyboard:
    """Each 5 s, each 10 s for what is longer than half an hour; 160 pixels wide, portrait pictures 160 high."""
    every_s = FINE_S if duration_s <= LONG_S else COARSE_S
    width, height = picture
    scale = WIDTH / max(width, height)
    return Storyboard(
        every_s, _even(width * scale), _even(height * scale), max(1, -(-int(duration_s) // every_s))
    )


def webvtt(sheets: Storyboard, duration_s: float) -> str:
    """`sprite_0.jpg#xywh=…` for each span (media fragments, https://www.w3.org/TR/media-frags/#naming-space)."""
    lines = ["WEBVTT", ""]
    for number in range(sheets.pictures):
        sheet, place = divmod(number, COLUMNS * ROWS)
        row, column = divmod(place, COLUMNS)
        end_s = (
            min((number + 1) * sheets.every_s, duration_s)
            if number == sheets.pictures - 1
            else (number + 1) * sheets.every_s
        )
        where = f"{column * sheets.width},{row * sheets.height},{sheets.width},{sheets.height}"
        lines += [
            f"{_cue(number * sheets.every_s)} --> {_cue(end_s)}",
            f"{sheet_name(sheet)}#xywh={where}",
            "",
        ]
    return "\n".join(lines)


def _cue(seconds: float) -> str:
    """`00:01:05.000` (WebVTT §4)."""
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}.{thousandths:03d}"


def _even(pixels: float) -> int:
    return max(2, round(pixels / 2) * 2)
