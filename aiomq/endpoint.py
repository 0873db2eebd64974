"""Addresses: their text, taken apart and put together.

Nothing is resolved here. A host stays text, be it a number, a DNS name or the name of a network interface; a transport
finds out which. The rules are libzmq's, and where libzmq guesses (a port of 70000 becomes 4464, one of "12ab" becomes
12) there is an error.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import ClassVar, Final, TypeAlias

import msgspec

from aiomq.endpoint_numbered import TipcEndpoint, VsockEndpoint
from aiomq.errors import ZMQError

__all__ = [
    "INPROC_MAX_LEN",
    "IPC_PATH_MAX_LEN",
    "Endpoint",
    "InprocEndpoint",
    "IpcEndpoint",
    "TcpEndpoint",
    "TipcEndpoint",
    "UdpEndpoint",
    "VsockEndpoint",
    "address_text",
    "format_host_and_port",
    "format_tcp",
    "parse",
]

IPC_PATH_MAX_LEN: Final = 107 if sys.platform in {"linux", "win32"} else 103
"""How many bytes the path of an ipc endpoint may have: what `sun_path` holds, less its closing NUL."""

INPROC_MAX_LEN: Final = 256
"""How many characters an inproc endpoint may have, `inproc://` included."""

WILDCARD: Final = "*"


class TcpEndpoint(msgspec.Struct, frozen=True):
    """`tcp://host:port`, or `tcp://source:port;host:port` to connect from an address of one's own.

    Attributes:
        host: an address, DNS name or interface name; `*` for every interface. Without brackets and zone.
        port: 0 to bind any free one.
        source: where to connect from, as host (with its zone) and port; None for the system's choice.
        zone: the scope of a link-local IPv6 address, by name or number; empty for none.
    """

    scheme: ClassVar[str] = "tcp"

    host: str
    port: int
    source: tuple[str, int] | None = None
    zone: str = ""

    @property
    def is_wildcard(self) -> bool:
        """Whether it means every interface."""
        return self.host == WILDCARD

    def __str__(self) -> str:
        target = format_host_and_port(f"{self.host}%{self.zone}" if self.zone else self.host, self.port)
        return f"tcp://{format_host_and_port(*self.source)};{target}" if self.source else f"tcp://{target}"


class IpcEndpoint(msgspec.Struct, frozen=True):
    """`ipc://path`, `ipc://@name` outside the file system, or `ipc://*` to bind a path of aiomq's choosing.

    Attributes:
        path: the path in the file system, or the abstract name without its `@`; empty for the wildcard.
        abstract: whether it is a name of Linux's abstract namespace.
        wildcard: whether the path is still to be chosen.
    """

    scheme: ClassVar[str] = "ipc"

    path: str
    abstract: bool = False
    wildcard: bool = False

    def __str__(self) -> str:
        return f"ipc://{WILDCARD if self.wildcard else f'@{self.path}' if self.abstract else self.path}"


class InprocEndpoint(msgspec.Struct, frozen=True):
    """`inproc://name`: a name within one context.

    Attributes:
        name: any text.
    """

    scheme: ClassVar[str] = "inproc"

    name: str

    def __str__(self) -> str:
        return f"inproc://{self.name}"


class UdpEndpoint(msgspec.Struct, frozen=True):
    """`udp://host:port`, or `udp://interface;group:port` for a multicast group on an interface.

    Attributes:
        host: an address, DNS name, interface name or multicast group; `*` for every interface.
        port: 0 to bind any free one.
        interface: the name or address of the interface to reach a group by; empty for the system's choice.
        zone: the scope of a link-local IPv6 address, by name or number; empty for none.
    """

    scheme: ClassVar[str] = "udp"

    host: str
    port: int
    interface: str = ""
    zone: str = ""

    @property
    def is_wildcard(self) -> bool:
        """Whether it means every interface."""
        return self.host == WILDCARD

    def __str__(self) -> str:
        target = format_host_and_port(f"{self.host}%{self.zone}" if self.zone else self.host, self.port)
        return f"udp://{self.interface};{target}" if self.interface else f"udp://{target}"


Endpoint: TypeAlias = TcpEndpoint | IpcEndpoint | InprocEndpoint | UdpEndpoint | VsockEndpoint | TipcEndpoint


def parse(
    address: str | bytes, *, for_bind: bool, ipv6: bool = False, ipc_path_max: int = IPC_PATH_MAX_LEN
) -> Endpoint:
    """Take an address apart.

    Args:
        address: the text, or its bytes in UTF-8.
        for_bind: whether it is to be bound, which allows wildcards, or connected to.
        ipv6: whether IPv6 addresses are allowed (the option IPV6).
        ipc_path_max: how many bytes an ipc path may have on the system at hand.

    Raises:
        ZMQError: EINVAL if it is malformed, EPROTONOSUPPORT if the scheme is unknown, ENAMETOOLONG if a path or name
            is too long, ENODEV for an IPv6 address without `ipv6`.
        TypeError: if it is neither str nor bytes.
    """
    text = address_text(address)
    scheme, separator, rest = text.partition("://")
    request = _Request(text=text, scheme=scheme, for_bind=for_bind, ipv6=ipv6, ipc_path_max=ipc_path_max)
    if not separator or not scheme:
        raise request.error("it has no scheme")
    if not rest:
        raise request.error(f"there is nothing behind {scheme}://")
    if "\0" in rest:
        raise request.error("it contains a NUL character")
    parser = _PARSERS.get(scheme)
    if parser is None:
        raise ZMQError(errno.EPROTONOSUPPORT, f"{_quoted(text)}: {_unknown_scheme(scheme)}")
    return parser(rest, request)


def address_text(address: str | bytes) -> str:
    """Return the text of an address.

    Raises:
        ZMQError: EINVAL if its bytes are not UTF-8.
        TypeError: if it is neither str nor bytes.
    """
    if isinstance(address, str):
        return address
    if not isinstance(address, bytes):
        raise TypeError(f"an address is str or bytes, not {address!r}")
    try:
        return address.decode()
    except UnicodeDecodeError:
        raise ZMQError(errno.EINVAL, f"the address {_quoted(address)} is not UTF-8") from None


def format_tcp(host: str, port: int) -> str:
    """Return the address of a host and port, as LAST_ENDPOINT writes it: an IPv6 address gets its brackets."""
    return f"tcp://{format_host_and_port(host, port)}"


def format_host_and_port(host: str, port: int) -> str:
    """Return `host:port`; an IPv6 address gets its brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


# -- what is common to all schemes -----------------------------------------------------------------------------------

_EXAMPLES: Final[Mapping[str, str]] = {
    "tcp": "tcp://127.0.0.1:5555",
    "ipc": "ipc:///tmp/feed.sock",
    "inproc": "inproc://feed",
    "tipc": "tipc://{5555,0}",
    "udp": "udp://239.0.0.1:5555",
    "vsock": "vsock://2:5555",
}

_BIND_EXAMPLES: Final[Mapping[str, str]] = {
    **_EXAMPLES,
    "tcp": "tcp://*:5555",
    "tipc": "tipc://{5555,0,0}",
    "udp": "udp://*:5555",
    "vsock": "vsock://*:5555",
}

_OTHER_SCHEMES: Final = frozenset({"epgm", "norm", "pgm", "tls", "vmci", "ws", "wss"})
"""Schemes that other implementations have."""


class _Request(msgspec.Struct, frozen=True):
    """An address and what it is wanted for."""

    text: str
    scheme: str
    for_bind: bool
    ipv6: bool
    ipc_path_max: int

    def error(self, problem: str, number: int = errno.EINVAL) -> ZMQError:
        """Return the error that says what is wrong with the address, and how a right one looks."""
        verb = "bind" if self.for_bind else "connect to"
        examples = _BIND_EXAMPLES if self.for_bind else _EXAMPLES
        example = examples.get(self.scheme, examples["tcp"])
        return ZMQError(number, f"cannot {verb} {_quoted(self.text)}: {problem}; an address looks like {example}")


def _quoted(text: str | bytes) -> str:
    """Return the text for an error message: in quotes, and not all of it if it is long."""
    return repr(text) if len(text) <= INPROC_MAX_LEN else f"{text[:32]!r}... ({len(text)} long)"


def _unknown_scheme(scheme: str) -> str:
    supported = ", ".join(sorted(_PARSERS))
    if scheme in _OTHER_SCHEMES:
        return f"this version has no {scheme} transport, only {supported}"
    if scheme.lower() in _PARSERS:
        return f"schemes are written in lower case: {scheme.lower()}"
    return f"there is no {_quoted(scheme)} transport, only {supported}"


# -- tcp -------------------------------------------------------------------------------------------------------------

_PORT: Final = re.compile(r"0*([0-9]{1,5})")
_HOST: Final = re.compile(r"\w[\w.-]*")
"""A DNS name in any script, an interface, or an IPv4 address: told apart by whoever resolves it."""
_ZONE: Final = re.compile(r"[\w.~-]+")


def _parse_tcp(rest: str, request: _Request) -> TcpEndpoint:
    before, separator, target = rest.rpartition(";")
    if separator and request.for_bind:
        raise request.error("a source address before ';' is for connect alone")
    host, zone, port = _parse_target(target, request)
    return TcpEndpoint(host, port, _parse_source(before, request) if separator else None, zone)


def _parse_target(text: str, request: _Request) -> tuple[str, str, int]:
    """Take host, zone and port apart; a bind may leave host and port open."""
    host, port_text = _split_port(text, request)
    host, zone = _split_zone(host, request)
    _check_host(host, zone, request)
    port = _port(port_text, request, wildcard_allowed=request.for_bind)
    if not request.for_bind and host == WILDCARD:
        raise request.error("'*' is for bind alone, a connect needs to know its host")
    if not request.for_bind and port == 0:
        raise request.error("a connect needs to know its port, from 1 to 65535")
    return host, zone, port


def _parse_source(text: str, request: _Request) -> tuple[str, int]:
    """Take a source apart; unlike a target it may do without a port, and may have wildcards."""
    bare = ":" not in text or text.endswith("]")
    host, port_text = (_unbracketed(text, request), "0") if bare else _split_port(text, request)
    host, zone = _split_zone(host, request)
    _check_host(host, zone, request)
    return f"{host}%{zone}" if zone else host, _port(port_text, request, wildcard_allowed=True)


def _split_port(text: str, request: _Request) -> tuple[str, str]:
    # The last colon, brackets or not: tcp://::1:5555 is port 5555 of ::1 for libzmq too.
    host, separator, port = text.rpartition(":")
    if not separator or port.endswith("]"):
        raise request.error("it has no port")
    return _unbracketed(host, request), port


def _unbracketed(host: str, request: _Request) -> str:
    if host.startswith("[") != host.endswith("]") or host == "[":
        raise request.error("its brackets do not match")
    return host[1:-1] if host.startswith("[") else host


def _split_zone(host: str, request: _Request) -> tuple[str, str]:
    host, separator, zone = host.partition("%")
    if separator and not _ZONE.fullmatch(zone):
        raise request.error(f"{_quoted(zone)} is no name of a zone")
    return host, zone


def _check_host(host: str, zone: str, request: _Request) -> None:
    if ":" in host:
        _check_ipv6(host, request)
        return
    if zone:
        raise request.error("only an IPv6 address has a zone")
    if not host:
        raise request.error("it has no host")
    if host != WILDCARD and not _HOST.fullmatch(host):
        raise request.error(f"{_quoted(host)} is no host name and no address")


def _check_ipv6(host: str, request: _Request) -> None:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        raise request.error(f"{_quoted(host)} is no IPv6 address") from None
    if not request.ipv6:
        raise request.error(f"the option IPV6 must be set for {host}", errno.ENODEV)


def _port(text: str, request: _Request, *, wildcard_allowed: bool) -> int:
    if text == WILDCARD and wildcard_allowed:
        return 0
    match = _PORT.fullmatch(text)
    port = int(match[1]) if match else -1
    if 0 <= port <= 65535:
        return port
    if "/" in text:
        raise request.error(f"{request.scheme} addresses end with the port and have no path")
    if text == WILDCARD:
        raise request.error("a port of '*' is for bind alone")
    raise request.error(f"its port is {_quoted(text)}, not a number from {0 if request.for_bind else 1} to 65535")


# -- udp -------------------------------------------------------------------------------------------------------------


def _parse_udp(rest: str, request: _Request) -> UdpEndpoint:
    interface, separator, target = rest.rpartition(";")
    host, zone, port = _parse_target(target, request)
    if separator:
        _check_interface(interface, host, request)
    return UdpEndpoint(host, port, interface, zone)


def _check_interface(interface: str, host: str, request: _Request) -> None:
    if interface != WILDCARD and not _HOST.fullmatch(interface):
        raise request.error(f"{_quoted(interface)} is no name and no address of an interface")
    try:
        is_group = ipaddress.ip_address(host).is_multicast
    except ValueError:
        is_group = host != WILDCARD  # a name: whoever looks it up will find out
    if not is_group:
        raise request.error(f"{host} is no multicast group: only those are reached by an interface before ';'")


# -- ipc and inproc --------------------------------------------------------------------------------------------------


def _parse_ipc(rest: str, request: _Request) -> IpcEndpoint:
    if rest == WILDCARD:
        if not request.for_bind:
            raise request.error("'*' is for bind alone, a connect needs to know its path")
        return IpcEndpoint("", wildcard=True)
    if rest == "@":
        raise request.error("there is no name behind '@'")
    try:
        length = len(os.fsencode(rest))
    except UnicodeEncodeError:
        raise request.error("its path cannot be written in the encoding of the file system") from None
    if length > request.ipc_path_max:
        raise request.error(
            f"its path has {length} bytes, the system allows {request.ipc_path_max}", errno.ENAMETOOLONG
        )
    return IpcEndpoint(rest[1:], abstract=True) if rest.startswith("@") else IpcEndpoint(rest)


def _parse_inproc(rest: str, request: _Request) -> InprocEndpoint:
    if len(request.text) > INPROC_MAX_LEN:
        raise request.error(f"it has {len(request.text)} characters, {INPROC_MAX_LEN} are allowed", errno.ENAMETOOLONG)
    return InprocEndpoint(rest)


# -- vsock and tipc --------------------------------------------------------------------------------------------------


def _parse_vsock(rest: str, request: _Request) -> VsockEndpoint:
    try:
        return VsockEndpoint.read(rest, for_bind=request.for_bind)
    except ValueError as error:
        raise request.error(str(error)) from None


def _parse_tipc(rest: str, request: _Request) -> TipcEndpoint:
    try:
        return TipcEndpoint.read(rest, for_bind=request.for_bind)
    except ValueError as error:
        raise request.error(str(error)) from None


_PARSERS: Final[Mapping[str, Callable[[str, _Request], Endpoint]]] = {
    "tcp": _parse_tcp,
    "ipc": _parse_ipc,
    "inproc": _parse_inproc,
    "tipc": _parse_tipc,
    "udp": _parse_udp,
    "vsock": _parse_vsock,
}
