"""Languages of tracks: as containers name them (ISO 639-2), as playlists do (BCP 47), and in English.
[decision]"""

# ISO 639-1, English name, ISO 639-2 (two of them where the bibliographic one is another).
_KNOWN = """
ar Arabic ara|bg Bulgarian bul|bn Bengali ben|ca Catalan cat|cs Czech cze ces|cy Welsh wel cym|da Danish dan|de German ger deu
el Greek gre ell|en English eng|es Spanish spa|et Estonian est|eu Basque baq eus|fa Persian per fas|fi Finnish fin|fr French fre fra
ga Irish gle|gl Galician glg|he Hebrew heb|hi Hindi hin|hr Croatian hrv|hu Hungarian hun|hy Armenian arm hye|id Indonesian ind
is Icelandic ice isl|it Italian ita|ja Japanese jpn|ka Georgian geo kat|kk Kazakh kaz|ko Korean kor|lt Lithuanian lit|lv Latvian lav
mk Macedonian mac mkd|ms Malay may msa|nl Dutch dut nld|no Norwegian nor|pl Polish pol|pt Portuguese por|ro Romanian rum ron
ru Russian rus|sk Slovak slo slk|sl Slovenian slv|sq Albanian alb sqi|sr Serbian srp|sv Swedish swe|ta Tamil tam|te Telugu tel
th Thai tha|tr Turkish tur|uk Ukrainian ukr|ur Urdu urd|vi Vietnamese vie|zh Chinese chi zho
"""
_LISTED = [words.split() for line in _KNOWN.split("\n") for words in line.split("|") if words]
_NAMES = {short: english for short, english, *_ in _LISTED}
_SHORT = {code: short for short, _, *codes in _LISTED for code in (short, *codes)}


def tag_of(said: str) -> str:
    """The BCP 47 tag of what a container says, empty for what is none."""
    code, _, rest = said.strip().replace("_", "-").partition("-")
    code = code.lower()
    if code in ("und", "mis", "mul", "zxx") or not (
        code.isascii() and code.isalpha() and 2 <= len(code) <= 3
    ):
        return ""
    region = f"-{rest.upper()}" if len(rest) == 2 and rest.isascii() and rest.isalpha() else ""
    return _SHORT.get(code, code) + region


def name_of(tag: str) -> str:
    """In English, empty for one that is not listed."""
    return _NAMES.get(tag.partition("-")[0], "")
