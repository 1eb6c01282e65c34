"""Lua scripts. Each package has its own in its folder `lua`; the head of a script documents KEYS, ARGV and
answer.
"""

from importlib.resources import files


def read_script(package: str, name: str) -> str:
    """The source of PACKAGE/lua/NAME.lua without its `#!lua` line; for `EVAL`. Errors: FileNotFoundError."""
    return script_bytes(package, name).decode().removeprefix("#!lua\n")


def script_bytes(package: str, name: str) -> bytes:
    """The source with its `#!lua` line and flags. Errors: FileNotFoundError."""
    return files(package).joinpath("lua", f"{name}.lua").read_bytes()
