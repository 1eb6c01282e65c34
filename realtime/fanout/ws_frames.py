"""WebSocket frames as a server sends them (RFC 6455 §5.2): whole, unmasked, uncompressed. [decision]"""


def text_frame(payload: bytes) -> bytes:
    """One text frame around UTF-8 bytes; the same bytes fit every client, because servers do not mask."""
    return _frame(b"\x81", payload)


def binary_frame(payload: bytes) -> bytes:
    return _frame(b"\x82", payload)


def _frame(kind: bytes, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return kind + size.to_bytes(1, "big") + payload
    if size < 65_536:
        return kind + b"\x7e" + size.to_bytes(2, "big") + payload
    return kind + b"\x7f" + size.to_bytes(8, "big") + payload
