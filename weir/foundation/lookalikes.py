"""Names that look like other names. Pure.

A skeleton is a name in which letters that look alike are one letter: of Latin, Greek, Cyrillic, small
capitals and digits, after Unicode TR 39. It is for comparisons only; two names with one skeleton may be
mistaken for each other.
"""

import unicodedata

_AS_DRAWN = {
    # Greek and Cyrillic capitals, whose small letters look otherwise
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹ", "abezhikmnoptyxc", strict=True)),
    **dict(zip("АВЕЗІЈКМНОРСЅТУХҮӀԚԜЬ", "abe3ijkmhopcstyxylqwb", strict=True)),
    **dict(zip("αβγεηικνορτυχωσϲϳ", "abyenikvoptuxwocj", strict=True)),
    **dict(zip("авгезіјкмнорсѕтуүхһӏԁԛԝѵғьп", "abre3ijkmhopcstyyxhldqwvfbn", strict=True)),
    **dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz", strict=True)),
    **dict(zip("ıłøđƒɑɡɩօոսհ", "ilodfagionuh", strict=True)),
}
_ALIKE = str.maketrans(
    {
        "0": "o",
        "1": "l",
        "i": "l",
        "|": "l",
        "!": "l",
        "3": "e",
        "4": "a",
        "5": "s",
        "7": "t",
        "@": "a",
        "$": "s",
    }
)
_DRAWN = str.maketrans(_AS_DRAWN)
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"))


def skeleton(name: str) -> str:
    """Empty for a name without letters and digits."""
    plain = "".join(
        one
        for one in unicodedata.normalize("NFKD", name)
        if unicodedata.category(one) not in ("Mn", "Me", "Cf")
    )
    drawn = (
        unicodedata.normalize("NFKD", plain.translate(_DRAWN).casefold()).translate(_DRAWN).translate(_ALIKE)
    )
    letters = "".join(one for one in drawn if one.isalnum())
    for pair, one in _PAIRS:
        letters = letters.replace(pair, one)
    return letters
