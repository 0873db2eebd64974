"""What is known of one socket option, and the struct that holds the values of all of them."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec
from msgspec.structs import fields

from aiomq.budgets import Budgets
from aiomq.constants import SecurityMechanism, SocketOption, SocketType
from aiomq.option_values import IPNetwork
from aiomq.socket_types import PUBLISHERS

__all__ = [
    "DEFAULTS",
    "INT_MAX",
    "OptionKind",
    "OptionSpec",
    "OptionStatus",
    "OptionValue",
    "SocketOptions",
    "kept",
    "listed",
    "number",
    "octets",
    "refused",
    "state",
    "switch",
    "topic",
    "type_switch",
]

OptionValue: TypeAlias = int | bytes
"""What an option is set to, and what reading it gives."""

INT_MAX: Final = 2**31 - 1


class SocketOptions(Budgets, kw_only=True):
    """The values of all options of one socket, in libzmq's units: milliseconds, bytes, messages.

    Plain attributes, for hot paths to read. Users come through `Socket.set`, which checks; nothing here does.
    """

    affinity: int = 0
    routing_id: bytes = b""
    sndbuf: int = -1
    rcvbuf: int = -1
    linger: int = -1
    reconnect_ivl: int = 100
    reconnect_ivl_max: int = 0
    backlog: int = 100
    maxmsgsize: int = -1
    sndhwm: int = 1000
    rcvhwm: int = 1000
    rcvtimeo: int = -1
    sndtimeo: int = -1
    ipv6: bool = False
    immediate: bool = False
    router_mandatory: bool = False
    router_handover: bool = False
    probe_router: bool = False
    req_correlate: bool = False
    req_relaxed: bool = False
    xpub_verbose: bool = False
    xpub_verboser: bool = False
    xpub_manual: bool = False
    xpub_manual_last_value: bool = False
    xpub_nodrop: bool = False
    xpub_welcome_msg: bytes = b""
    xsub_verbose_unsubscribe: bool = False
    only_first_subscribe: bool = False
    invert_matching: bool = False
    tcp_keepalive: int = -1
    tcp_keepalive_cnt: int = -1
    tcp_keepalive_idle: int = -1
    tcp_keepalive_intvl: int = -1
    tcp_maxrt: int = 0
    tos: int = 0
    priority: int = 0
    bindtodevice: bytes = b""
    connect_timeout: int = 0
    handshake_ivl: int = 30_000
    heartbeat_ivl: int = 0
    heartbeat_ttl: int = 0
    heartbeat_timeout: int = -1
    connect_routing_id: bytes = b""
    conflate: bool = False
    hello_msg: bytes = b""
    disconnect_msg: bytes = b""
    hiccup_msg: bytes = b""
    metadata: tuple[tuple[bytes, bytes], ...] = ()
    """Names and values of the `X-` properties to announce."""
    router_notify: int = 0
    stream_notify: bool = True
    mechanism: int = SecurityMechanism.NULL
    """Follows from the security options, as libzmq has it: the one that was set last decides."""
    plain_server: bool = False
    plain_username: bytes = b""
    plain_password: bytes = b""
    curve_server: bool = False
    curve_publickey: bytes = bytes(32)
    curve_secretkey: bytes = bytes(32)
    curve_serverkey: bytes = bytes(32)
    zap_domain: bytes = b""
    zap_enforce_domain: bool = False
    reconnect_stop: int = 0
    use_fd: int = -1
    socks_proxy: bytes = b""
    socks_username: bytes = b""
    socks_password: bytes = b""
    tcp_accept_filter: tuple[IPNetwork, ...] = ()
    ipc_filter_pid: frozenset[int] = frozenset()
    ipc_filter_uid: frozenset[int] = frozenset()
    ipc_filter_gid: frozenset[int] = frozenset()
    multicast_hops: int = 1
    multicast_loop: bool = True
    multicast_maxtpdu: int = 1500
    rate: int = 100
    recovery_ivl: int = 10_000
    in_batch_size: int = 8192
    out_batch_size: int = 8192
    ipc_exclusive: bool = False
    zmtp_min: str = ""
    """The lowest version spoken; empty where that depends on the other options: see `security.lowest_version`."""

    def __repr__(self) -> str:
        return f"<SocketOptions of {len(self.__struct_fields__)} fields>"  # some are secrets


class OptionKind(enum.Enum):
    """What sort of value an option takes."""

    INT = "int"
    INT64 = "int64"
    BOOL = "bool"
    BYTES = "bytes"
    STR = "str"
    """Text: `str`, or `bytes` of UTF-8. It is kept, and read, as `bytes`."""

    KEY = "key"
    """A CURVE key: 32 bytes, or the 40 characters of Z85 for them. It is kept, and read, as 32 bytes."""


class OptionStatus(enum.Enum):
    """How far an option goes."""

    WORKS = "works"
    KEPT = "kept"
    """It is taken, checked and given back, and nothing follows from it."""

    REFUSED = "refused"
    """It is neither taken nor given: an error says why."""


class OptionSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Everything there is to know about one socket option.

    Attributes:
        option: its number.
        aliases: further names of the same number, in lower case.
        attribute: the field of `SocketOptions` that holds it; empty where the socket itself knows the answer.
        kind: what sort of value it takes.
        minimum: the smallest accepted number, or length in bytes.
        maximum: the largest accepted number, or length in bytes; None where there is no limit.
        step: numbers are rounded down to a multiple of this.
        default: what a new socket has; None for what is not stored. LINGER is 0 on SUB, XSUB and DISH.
        clears: what may be set beside the accepted values, to take back what was set: None, and nothing else.
        collects: True where each value set is one more, which `clears` takes back all together.
        readable: whether `Socket.get` gives it.
        writable: whether `Socket.set` takes it.
        socket_types: which types have it; None means all.
        at_once: True if setting it takes effect now, False if for later binds and connects alone.
        unit: what the number counts; empty for none.
        doc: what it is for, in a line.
        status: whether it works.
        because: why it does not work, or what it works with; empty where that needs no saying.
    """

    option: SocketOption
    aliases: tuple[str, ...] = ()
    attribute: str = ""
    kind: OptionKind
    minimum: int = 0
    maximum: int | None = None
    step: int = 1
    default: OptionValue | None = None
    clears: bool = False
    collects: bool = False
    readable: bool = True
    writable: bool = True
    socket_types: frozenset[SocketType] | None = None
    at_once: bool = False
    unit: str = ""
    doc: str
    status: OptionStatus = OptionStatus.WORKS
    because: str = ""

    @property
    def name(self) -> str:
        """The name in lower case, which is also that of the socket's attribute."""
        return self.option.name.lower()

    @property
    def accepted(self) -> str:
        """What `Socket.set` takes, in words."""
        return f"{self._values}, or None to clear it" if self.clears else self._values

    @property
    def _values(self) -> str:
        if self.kind is OptionKind.KEY:
            return "a key of 32 bytes, or of 40 characters of Z85"
        if self.kind is OptionKind.BOOL:
            return "0 or 1 (False or True)"
        if self.kind in {OptionKind.INT, OptionKind.INT64}:
            return f"an integer from {self.minimum} to {self.maximum}{f' ({self.unit})' if self.unit else ''}"
        length = f"at least {self.minimum}" if self.maximum is None else f"{self.minimum} to {self.maximum}"
        return f"{length} {'bytes' if self.kind is OptionKind.BYTES else 'bytes of text'}"


DEFAULTS: Final[Mapping[str, OptionValue]] = {field.name: field.default for field in fields(SocketOptions)}
"""What a new socket has, by field of `SocketOptions`."""


def number(
    option: SocketOption,
    doc: str,
    *,
    minimum: int = 0,
    maximum: int = INT_MAX,
    step: int = 1,
    unit: str = "",
    at_once: bool = False,
    socket_types: frozenset[SocketType] | None = None,
    because: str = "",
) -> OptionSpec:
    """An integer; of every socket, unless `socket_types` says of which."""
    attribute = option.name.lower()
    return OptionSpec(
        option=option,
        attribute=attribute,
        kind=OptionKind.INT if maximum <= INT_MAX else OptionKind.INT64,
        minimum=minimum,
        maximum=maximum,
        step=step,
        default=DEFAULTS[attribute],
        socket_types=socket_types,
        at_once=at_once,
        unit=unit,
        doc=doc,
        because=because,
    )


def switch(
    option: SocketOption, doc: str, *aliases: str, strict: bool = True, at_once: bool = False, because: str = ""
) -> OptionSpec:
    """A boolean that every socket has. Where libzmq takes any number but 0 for true, `strict` is False."""
    attribute = option.name.lower()
    return OptionSpec(
        option=option,
        aliases=aliases,
        attribute=attribute,
        kind=OptionKind.BOOL,
        maximum=1 if strict else INT_MAX,
        default=DEFAULTS[attribute],
        at_once=at_once,
        doc=doc,
        because=because,
    )


def type_switch(option: SocketOption, socket_types: frozenset[SocketType], doc: str, *aliases: str) -> OptionSpec:
    """A boolean that some types have: it works at once and, as in libzmq, cannot be read."""
    attribute = option.name.lower()
    return OptionSpec(
        option=option,
        aliases=aliases,
        attribute=attribute,
        kind=OptionKind.BOOL,
        maximum=INT_MAX,
        default=DEFAULTS[attribute],
        readable=False,
        socket_types=socket_types,
        at_once=True,
        doc=doc,
    )


def octets(
    option: SocketOption,
    doc: str,
    *aliases: str,
    kind: OptionKind = OptionKind.BYTES,
    minimum: int = 0,
    maximum: int | None = None,
    clears: bool = False,
    readable: bool = True,
    at_once: bool = False,
    socket_types: frozenset[SocketType] | None = None,
) -> OptionSpec:
    """Bytes or text; of every socket, unless `socket_types` says of which."""
    attribute = option.name.lower()
    return OptionSpec(
        option=option,
        aliases=aliases,
        attribute=attribute,
        kind=kind,
        minimum=minimum,
        maximum=maximum,
        default=DEFAULTS[attribute],
        clears=clears,
        readable=readable,
        at_once=at_once,
        socket_types=socket_types,
        doc=doc,
    )


def listed(
    option: SocketOption,
    doc: str,
    *,
    kind: OptionKind,
    minimum: int = 0,
    maximum: int,
    clears: bool = True,
    because: str = "",
) -> OptionSpec:
    """Something of which every value set is one more; it cannot be read, as in libzmq."""
    return OptionSpec(
        option=option,
        attribute=option.name.lower(),
        kind=kind,
        minimum=minimum,
        maximum=maximum,
        clears=clears,
        collects=True,
        readable=False,
        doc=doc,
        because=because,
    )


def kept(option: SocketOption, doc: str, because: str, *, minimum: int = 1, unit: str = "") -> OptionSpec:
    """An integer that is taken and given back, and nothing else."""
    spec = number(option, doc, minimum=minimum, unit=unit, because=because)
    return msgspec.structs.replace(spec, status=OptionStatus.KEPT)


def refused(option: SocketOption, doc: str, because: str, kind: OptionKind = OptionKind.INT) -> OptionSpec:
    """What libzmq has and aiomq has not."""
    return OptionSpec(
        option=option,
        kind=kind,
        readable=False,
        writable=False,
        doc=doc,
        status=OptionStatus.REFUSED,
        because=because,
    )


def state(
    option: SocketOption,
    doc: str,
    *,
    kind: OptionKind = OptionKind.INT,
    attribute: str = "",
    socket_types: frozenset[SocketType] | None = None,
) -> OptionSpec:
    """Something that can be read and not set: the socket knows it, or it follows from other options."""
    return OptionSpec(
        option=option,
        attribute=attribute,
        kind=kind,
        maximum=INT_MAX,
        default=DEFAULTS[attribute] if attribute else None,
        writable=False,
        socket_types=socket_types,
        at_once=True,
        doc=doc,
    )


def topic(option: SocketOption, doc: str) -> OptionSpec:
    """A change of the subscriptions; not stored."""
    return OptionSpec(
        option=option,
        kind=OptionKind.BYTES,
        readable=False,
        socket_types=PUBLISHERS | {SocketType.SUB},
        at_once=True,
        doc=doc,
    )
