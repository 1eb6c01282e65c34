"""Encryption of segments as players undo it."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.hls.encryption import SegmentKeys


@given(st.binary(max_size=500), st.integers(0, 2**40), st.integers(1, 20))
def test_what_is_encrypted_can_be_read_again(data: bytes, msn: int, rotation: int) -> None:
    """Key by media sequence number, padding for every length."""
    keys = SegmentKeys(b"secret", "brd_1", rotation)
    assert keys.decrypt(msn, keys.encrypt(msn, data)) == data


def test_openssl_reads_it() -> None:
    """CBC, PKCS7, and the media sequence number as a 128-bit big-endian vector (RFC 8216 §5.2)."""
    keys = SegmentKeys(b"secret", "brd_1", 15)
    command = [
        "openssl",
        "enc",
        "-d",
        "-aes-128-cbc",
        "-K",
        keys.key(keys.number(77)).hex(),
        "-iv",
        f"{77:032x}",
    ]
    assert (
        subprocess.run(command, input=keys.encrypt(77, b"a segment"), capture_output=True, check=True).stdout
        == b"a segment"
    )


def test_a_key_is_of_one_broadcast_and_one_rotation() -> None:
    """Another broadcast or number has another key; names of other broadcasts are not known."""
    keys, other = SegmentKeys(b"secret", "brd_1", 15), SegmentKeys(b"secret", "brd_2", 15)
    assert len({keys.key(1), keys.key(2), other.key(1)}) == 3
    assert keys.number(14) == 0
    assert keys.number(15) == 1
    assert keys.of_name(keys.name(7)) == 7
    assert keys.of_name(other.name(7)) is None
    assert keys.of_name("../secret") is None
    with pytest.raises(ValueError, match="padding"):
        other.decrypt(1, keys.encrypt(1, b"x" * 40))
