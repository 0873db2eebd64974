"""Writes docs/reference/options.md from the table of socket options.

    python docs/generate_options.py

The page is checked in; `tests/test_docs_options.py` fails when it is not what this program would write.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aiomq.constants import SocketOption
from aiomq.options import OPTIONS, OptionKind, OptionSpec

__all__ = ["PAGE", "page"]

PAGE: Final = Path(__file__).resolve().parent / "reference" / "options.md"

_HEAD: Final = """\
# Socket options

<!-- Written by docs/generate_options.py from aiomq.options.OPTIONS: change it there. -->

An option is set and read in one of three ways, which are the same:

```python
import aiomq

with aiomq.Context() as context:
    socket = context.socket(aiomq.PUSH, sndhwm=100)  # when the socket is made, by name
    socket.sndhwm = 200  # as an attribute
    socket.set(aiomq.SNDHWM, 300)  # by number
    assert socket.get(aiomq.SNDHWM) == socket.sndhwm == 300
```

Set on a context, an option becomes the default of the sockets that the context makes from then on. Names, numbers and
units are libzmq's: times are in milliseconds, marks in messages. Booleans read as 0 and 1.

The column "from" tells when a new value takes effect: *now*, or with the *next* bind or connect, while endpoints that
are there keep the value they were made with. An option without "set" is read only, one without "read" is write only.
"""

_ABSENT: Final = """\

## Options that this version does not have

libzmq has a number for these, and aiomq refuses them by name, with EINVAL:

"""

_NO_BOUND: Final = frozenset({2**31 - 1, 2**63 - 1})
"""The largest numbers of their kinds: nobody needs to be told."""


def page() -> str:
    """Return the page."""
    rows = [
        "| option | takes | default | of | can be | from | |",
        "|---|---|---|---|---|---|---|",
        *(_row(spec) for spec in OPTIONS.values()),
    ]
    absent = ", ".join(f"`{option.name}`" for option in SocketOption if option not in OPTIONS)
    return "\n".join([_HEAD, *rows]) + ("\n" + _ABSENT + absent + ".\n" if absent else "\n")


def _row(spec: OptionSpec) -> str:
    names = " ".join(f"`{name}`" for name in (spec.option.name, *(alias.upper() for alias in spec.aliases)))
    types = "all" if spec.socket_types is None else ", ".join(each.name for each in sorted(spec.socket_types))
    modes = " ".join(mode for mode, can in (("set", spec.writable), ("read", spec.readable)) if can)
    begin = "now" if spec.at_once else "next"
    return f"| {names} | {_takes(spec)} | {_default(spec)} | {types} | {modes} | {begin} | {spec.doc} |"


def _takes(spec: OptionSpec) -> str:
    if not spec.writable:
        return {OptionKind.BOOL: "0 or 1", OptionKind.STR: "text", OptionKind.BYTES: "bytes"}.get(spec.kind, "a number")
    if spec.kind is OptionKind.BOOL:
        return "0 or 1"
    if spec.kind in {OptionKind.BYTES, OptionKind.STR}:
        what = "bytes" if spec.kind is OptionKind.BYTES else "bytes of text"
        return f"{spec.minimum} or more {what}" if spec.maximum is None else f"{spec.minimum} to {spec.maximum} {what}"
    if spec.minimum < -1:
        return "a number of 64 bits"
    bounds = f"from {spec.minimum}" if spec.maximum in _NO_BOUND else f"{spec.minimum} to {spec.maximum}"
    return f"{bounds} {spec.unit}".strip()


def _default(spec: OptionSpec) -> str:
    if spec.default is None:
        return ""
    if isinstance(spec.default, bytes):
        return "empty" if not spec.default else f"`{spec.default!r}`"
    text = str(int(spec.default))
    return f"{text}; 0 of SUB, XSUB, DISH" if spec.option is SocketOption.LINGER else text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
