"""The options of transports: addresses, connections, and what the operating system's sockets are given."""

from __future__ import annotations

from typing import Final, TypeAlias

from aiomq.constants import SocketOption
from aiomq.option_spec import (
    DEFAULTS,
    INT_MAX,
    OptionKind,
    OptionSpec,
    kept,
    listed,
    number,
    octets,
    switch,
)

__all__ = ["NETWORK"]

_O: TypeAlias = SocketOption

_MILLISECONDS: Final = "milliseconds"
_MULTICAST: Final = "it is of pgm and epgm"
_PEER_CREDENTIALS: Final = "of ipc, and on Linux alone"

NETWORK: Final[tuple[OptionSpec, ...]] = (
    switch(_O.IPV6, "Allow IPv6 addresses beside IPv4."),
    OptionSpec(
        option=_O.IPV4ONLY,
        attribute="ipv6",
        kind=OptionKind.BOOL,
        maximum=1,
        default=not DEFAULTS["ipv6"],
        doc="The opposite of IPV6, from before libzmq 4.",
    ),
    number(_O.BACKLOG, "How many connections the system holds ready to be accepted.", unit="connections"),
    number(_O.SNDBUF, "The system's send buffer; -1 is its own choice.", minimum=-1, unit="bytes"),
    number(_O.RCVBUF, "The system's receive buffer; -1 is its own choice.", minimum=-1, unit="bytes"),
    number(_O.TCP_KEEPALIVE, "SO_KEEPALIVE on (1), off (0) or as the system has it (-1).", minimum=-1, maximum=1),
    number(_O.TCP_KEEPALIVE_CNT, "Unanswered probes that end a connection; -1 is the system's.", minimum=-1),
    number(_O.TCP_KEEPALIVE_IDLE, "Silence before the first probe; -1 is the system's.", minimum=-1, unit="seconds"),
    number(_O.TCP_KEEPALIVE_INTVL, "Time between probes; -1 is the system's.", minimum=-1, unit="seconds"),
    number(
        _O.TCP_MAXRT,
        "How long sent bytes may stay unacknowledged; 0 is up to the system.",
        unit=_MILLISECONDS,
        because="on Linux and Windows",
    ),
    number(_O.TOS, "The type-of-service octet of IP packets."),
    number(_O.PRIORITY, "SO_PRIORITY of the connections.", because="on Linux"),
    octets(
        _O.BINDTODEVICE,
        "The network interface to use alone, on Linux; empty is any. Elsewhere bind and connect fail.",
        kind=OptionKind.STR,
        maximum=16,
        clears=True,
    ),
    # Who may connect, and how to get there.
    number(
        _O.RECONNECT_STOP,
        "When not to connect again: when refused (1), when the handshake failed (2), when the peer left (4).",
        maximum=7,
    ),
    number(
        _O.USE_FD,
        "A descriptor that listens already, for the next bind of tcp or ipc to take over; -1 is none.",
        minimum=-1,
    ),
    octets(
        _O.SOCKS_PROXY,
        "The SOCKS5 proxy `host:port` to connect through, which also looks names up; empty is none.",
        kind=OptionKind.STR,
        clears=True,
    ),
    octets(
        _O.SOCKS_USERNAME,
        "The name to give to the proxy; empty is no login.",
        kind=OptionKind.STR,
        maximum=255,
        clears=True,
    ),
    octets(
        _O.SOCKS_PASSWORD,
        "The password to give to the proxy.",
        kind=OptionKind.STR,
        maximum=255,
        clears=True,
    ),
    listed(
        _O.TCP_ACCEPT_FILTER,
        "A network such as `10.0.0.0/8` whose connections are let in. Each one set is one more; without any, all are.",
        kind=OptionKind.STR,
        maximum=255,
    ),
    listed(
        _O.IPC_FILTER_PID,
        "A process whose connections are accepted, beside those that the other two IPC filters let in.",
        kind=OptionKind.INT,
        maximum=INT_MAX,
        because=_PEER_CREDENTIALS,
    ),
    listed(
        _O.IPC_FILTER_UID,
        "A user whose connections are accepted.",
        kind=OptionKind.INT,
        maximum=2**32 - 2,
        because=_PEER_CREDENTIALS,
    ),
    listed(
        _O.IPC_FILTER_GID,
        "A group whose connections are accepted, and those of the users who are members of it.",
        kind=OptionKind.INT,
        maximum=2**32 - 2,
        because=_PEER_CREDENTIALS,
    ),
    # Datagrams.
    number(_O.MULTICAST_HOPS, "How many routers a multicast packet may pass.", minimum=1, because="of udp"),
    switch(_O.MULTICAST_LOOP, "Hear one's own multicast packets.", strict=False, because="of udp"),
    kept(_O.MULTICAST_MAXTPDU, "The largest multicast packet.", _MULTICAST, unit="bytes"),
    kept(_O.RATE, "How fast to send multicast packets.", _MULTICAST, unit="kilobits per second"),
    kept(
        _O.RECOVERY_IVL,
        "How long a lost multicast packet may be asked for again.",
        _MULTICAST,
        minimum=0,
        unit=_MILLISECONDS,
    ),
    # Batches.
    kept(_O.IN_BATCH_SIZE, "How much to read at a time.", "reading takes what has arrived", unit="bytes"),
    kept(_O.OUT_BATCH_SIZE, "How much to write at a time.", "writing takes what is queued", unit="bytes"),
)
"""In the order of the page."""
