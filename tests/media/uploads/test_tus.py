"""The headers of tus, whatever a client puts into them."""

import base64
import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.uploads.tus import ALGORITHMS, Checksum, metadata, moment, number
from weir.foundation.errors import Malformed


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,10}", fullmatch=True), st.text(max_size=40), max_size=5))
def test_metadata_come_back(about: dict[str, str]) -> None:
    """Names and any text, as the protocol writes them."""
    assert metadata(",".join(f"{name} {encoded(value.encode())}" for name, value in about.items())) == about


@given(st.text(max_size=60))
def test_whatever_stands_in_a_header_is_read_or_refused(text: str) -> None:
    """Never another error than Malformed."""
    for read in (metadata, lambda header: number(header, "x"), Checksum):
        with contextlib.suppress(Malformed):
            read(text)


@given(st.lists(st.binary(max_size=50)), st.sampled_from(ALGORITHMS))
def test_a_checksum_is_that_of_all_pieces(pieces: list[bytes], algorithm: str) -> None:
    """In their order, however they come; one more byte and it is another."""
    checksum = Checksum(f"{algorithm} {encoded(hashlib.new(algorithm, b''.join(pieces)).digest())}")
    for piece in pieces:
        checksum.add(piece)
    assert checksum.kept
    checksum.add(b"x")
    assert not checksum.kept


@pytest.mark.parametrize("header", ["crc32 AAAA", "sha256 ***", "a QQ==,a QQ==", "title /w=="])
def test_refused_headers(header: str) -> None:
    """An unknown algorithm, what is not Base64, a name twice, text that is not UTF-8."""
    with pytest.raises(Malformed):
        Checksum(header) if header.startswith(("crc", "sha")) else metadata(header)


def test_moments_are_http_dates() -> None:
    """As Upload-Expires wants them."""
    assert moment(1_700_000_000_000) == "Tue, 14 Nov 2023 22:13:20 GMT"
