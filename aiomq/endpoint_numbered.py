"""Addresses that are numbers: those of vsock and tipc. Each class reads its own text."""

from __future__ import annotations

import re
from typing import ClassVar, Final, Self

import msgspec

__all__ = ["TIPC_RESERVED_TYPES", "TipcEndpoint", "VsockEndpoint", "port_text"]

TIPC_RESERVED_TYPES: Final = 64
"""Service types below this one belong to tipc itself."""

_MAX: Final = 2**32 - 1
_HOST_CID: Final = 2
_NODE: Final = re.compile(r"<\s*(\d{1,10})\.(\d{1,10})\.(\d{1,10})\s*:\s*(\d{1,10})\s*>", re.ASCII)
_DIGITS: Final = re.compile(r"[0-9]{1,10}")
_SERVICE: Final = re.compile(r"\{\s*(\d{1,10})\s*,\s*(\d{1,10})\s*(?:,\s*(\d{1,10})\s*)?\}", re.ASCII)


class VsockEndpoint(msgspec.Struct, frozen=True):
    """`vsock://cid:port`: between a virtual machine and its host.

    Attributes:
        cid: the number of the machine, 1 for one's own, 2 for the host (which `@` also means); None for any (`*`).
        port: None to bind any free one.
    """

    scheme: ClassVar[str] = "vsock"

    cid: int | None
    port: int | None

    @classmethod
    def read(cls, text: str, *, for_bind: bool) -> Self:
        """Read what stands after `vsock://`.

        Raises:
            ValueError: it is malformed; the text says how.
        """
        cid_text, colon, port_text = text.rpartition(":")
        if not colon:
            raise ValueError("it has no port")
        cid = _HOST_CID if cid_text == "@" else _number(cid_text, "machine (CID)")
        port = _number(port_text, "port")
        if not for_bind and (cid is None or port is None):
            raise ValueError("'*' is for bind alone, a connect needs to know machine and port")
        return cls(cid, port)

    def __str__(self) -> str:
        return f"vsock://{_text(self.cid)}:{_text(self.port)}"


class TipcEndpoint(msgspec.Struct, frozen=True):
    """`tipc://{type,lower,upper}` to bind a service, `tipc://{type,instance}` to connect to one, or a port by number.

    Attributes:
        service: type and instances, from the first to the last, of a service; None for a port.
        port: `(node, reference)` of `tipc://<zone.cluster.node:reference>`; None for a service, and for `<*>`, which
            binds a port of the system's choice.
    """

    scheme: ClassVar[str] = "tipc"

    service: tuple[int, int, int] | None = None
    port: tuple[int, int] | None = None

    @classmethod
    def read(cls, text: str, *, for_bind: bool) -> Self:
        """Read what stands after `tipc://`.

        Raises:
            ValueError: it is malformed; the text says how.
        """
        if text == "<*>":
            if not for_bind:
                raise ValueError("'<*>' is for bind alone")
            return cls()
        if "@" in text:
            raise ValueError("a domain after '@' cannot be given to the system from Python: leave it out")
        if (match := _NODE.fullmatch(text)) is not None:
            return cls._read_port([int(each) for each in match.groups()], for_bind=for_bind)
        if (match := _SERVICE.fullmatch(text)) is None:
            raise ValueError("it is neither {type,lower,upper} nor {type,instance} nor <zone.cluster.node:reference>")
        return cls._read_service([int(each) for each in match.groups() if each is not None], for_bind=for_bind)

    @classmethod
    def _read_port(cls, numbers: list[int], *, for_bind: bool) -> Self:
        zone, cluster, node, reference = numbers
        if for_bind:
            raise ValueError("a port has a number of the system's choice: bind '<*>'")
        if zone > 0xFF or cluster > 0xFFF or node > 0xFFF or reference > _MAX:
            raise ValueError("its numbers are at most <255.4095.4095:4294967295>")
        return cls(port=(zone << 24 | cluster << 12 | node, reference))

    @classmethod
    def _read_service(cls, numbers: list[int], *, for_bind: bool) -> Self:
        service, lower, upper = numbers[0], numbers[1], numbers[-1]
        if lower != upper and not for_bind:  # one instance may be written as a range, as it is when it was bound
            raise ValueError("a range of instances is for bind alone: connect to {type,instance}")
        if service < TIPC_RESERVED_TYPES:
            raise ValueError(f"types of services begin with {TIPC_RESERVED_TYPES}")
        if max(numbers) > _MAX:
            raise ValueError(f"its numbers are at most {_MAX}")
        if upper < lower:
            raise ValueError("the last instance is before the first")
        return cls(service=(service, lower, upper))

    def __str__(self) -> str:
        if self.service is not None:
            return "tipc://{{{}, {}, {}}}".format(*self.service)
        return f"tipc://{port_text(*self.port)}" if self.port is not None else "tipc://<*>"


def port_text(node: int, reference: int) -> str:
    """Return the numbers of a tipc port as an address has them."""
    return f"<{node >> 24}.{node >> 12 & 0xFFF}.{node & 0xFFF}:{reference}>"


def _number(text: str, what: str) -> int | None:
    if text == "*":
        return None
    if _DIGITS.fullmatch(text) and int(text) < _MAX:
        return int(text)
    raise ValueError(f"its {what} is {text[:32]!r}, not '*' or a number below {_MAX}")


def _text(number: int | None) -> str:
    return "*" if number is None else str(number)
