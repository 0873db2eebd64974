"""Writes docs/reference/options.md from the table of socket options.

    python docs/generate_options.py

The page is checked in; `tests/test_docs_options.py` fails when it is not what this program would write.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aiomq.constants import SocketOption
from aiomq.options import OPTIONS, OptionKind, OptionSpec, OptionStatus

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

The column "effect" tells when a new value counts: *now*, or from the *next* bind or connect on, while endpoints that
are there keep the value they were made with. Under "access", w is an option that can be set, r one that can be read.
"Status" is *works*; *kept*, for what is taken, checked and given back, and does nothing; or *refused*, for what libzmq
has and aiomq has not: it is answered with EINVAL and the reason.
"""

_CONTEXT: Final = """
## Options of a context

A context has these of its own, as attributes (`context.max_sockets = 10`) and by `set` and `get`. They count at once. A
bare number from 1 to 10 given to `set` or `get` is one of these, to `setsockopt` or `getsockopt` a socket option.

| number | option | takes | default | status | |
|---:|---|---|---|---|---|
| 1 | `IO_THREADS` | from 0 | 1 | kept, without effect: the event loop does the input and output | |
| 2 | `MAX_SOCKETS` | from 1 | 1023 | works | How many sockets there may be; one more is EMFILE. |
| 3 | `SOCKET_LIMIT` | | 65535 | read only, libzmq's number | The largest MAX_SOCKETS of some systems. |
| 3 | `THREAD_PRIORITY` | | | refused: there are no threads | |
| 4 | `THREAD_SCHED_POLICY` | | | refused: there are no threads | |
| 5 | `MAX_MSGSZ` | from 0 | 2147483647 | kept, without effect, as by libzmq | |
| 6 | `MSG_T_SIZE` | | 64 | read only, libzmq's number | |
| 7 | `THREAD_AFFINITY_CPU_ADD` | | | refused: there are no threads | |
| 8 | `THREAD_AFFINITY_CPU_REMOVE` | | | refused: there are no threads | |
| 9 | `THREAD_NAME_PREFIX` | | | refused: there are no threads | |
| 10 | `ZERO_COPY_RECV` | 0 or 1 | 1 | kept, without effect: what is received is `bytes` | |
| 42 | `IPV6` | 0 or 1 | 0 | works | The default of IPV6 for new sockets. |
| 70 | `BLOCKY` | 0 or 1 | 1 | works | With 0 new sockets have LINGER 0. |
"""

_NO_BOUND: Final = frozenset({2**31 - 1, 2**32 - 2, 2**63 - 1})
"""The largest numbers of their kinds: nobody needs to be told."""


def page() -> str:
    """Return the page."""
    rows = [
        "| number | option | takes | default | sockets | access | effect | status | |",
        "|---:|---|---|---|---|---|---|---|---|",
        *map(_row, OPTIONS.values()),
    ]
    return "\n".join([_HEAD, *rows]) + "\n" + _CONTEXT


def _row(spec: OptionSpec) -> str:
    names = " ".join(f"`{name}`" for name in (spec.option.name, *(alias.upper() for alias in spec.aliases)))
    types = "all" if spec.socket_types is None else ", ".join(each.name for each in sorted(spec.socket_types))
    if spec.status is OptionStatus.REFUSED:
        cells = (names, "", "", "", "", "", _status(spec), spec.doc)
    else:
        access = "r" * spec.readable + "w" * spec.writable
        effect = "now" if spec.at_once else "next"
        cells = (names, _takes(spec), _default(spec), types, access, effect, _status(spec), spec.doc)
    return " | ".join((f"| {int(spec.option)}", *cells)) + " |"


def _status(spec: OptionSpec) -> str:
    names = {OptionStatus.KEPT: "kept, without effect"}
    name = names.get(spec.status, spec.status.value)
    return f"{name}: {spec.because}" if spec.because else name


def _takes(spec: OptionSpec) -> str:
    values = _values(spec)
    return f"{values}; None clears" if spec.clears else values


def _values(spec: OptionSpec) -> str:
    if spec.kind is OptionKind.KEY:
        return "a key: 32 bytes, or 40 characters of Z85"
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
        return "empty" if not spec.default.strip(b"\0") else f"`{spec.default!r}`"
    text = str(int(spec.default))
    return f"{text}; 0 of SUB, XSUB, DISH" if spec.option is SocketOption.LINGER else text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
