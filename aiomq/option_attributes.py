"""Socket options as attributes: `socket.sndhwm = 10` for `socket.set(SNDHWM, 10)`.

The attributes are written out, one a line, so that type checkers and editors know them. SUBSCRIBE and UNSUBSCRIBE are
not among them: `subscribe` and `unsubscribe` are methods.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any, Generic, Never, Protocol, TypeVar, cast, overload

from aiomq.constants import PollEvent, SecurityMechanism, SocketOption, SocketType
from aiomq.errors import ZMQError

__all__ = [
    "ClearableOption",
    "ListOption",
    "Option",
    "OptionAttributes",
    "OptionHolder",
    "State",
    "StateAttributes",
    "TextOption",
]

T = TypeVar("T", bound=int | bytes)
S = TypeVar("S")


class OptionHolder(Protocol):
    """What has options: a socket, and a context for the sockets to come."""

    def get(self, option: SocketOption, /) -> object:
        """Return the value of an option."""

    def set(self, option: SocketOption, value: int | bytes | str | None, /) -> None:
        """Set the value of an option."""


def _read(instance: OptionHolder, option: SocketOption) -> object:
    """Read an option; where there is none to read, `hasattr` and whoever lists attributes shall see none."""
    try:
        return instance.get(option)
    except ZMQError as exc:
        if exc.errno != errno.EINVAL:
            raise
        raise AttributeError(str(exc), name=option.name.lower(), obj=instance) from exc


class Option(Generic[T]):
    """An attribute that is an option."""

    __slots__ = ("option",)

    def __init__(self, option: SocketOption) -> None:
        self.option = option

    @overload
    def __get__(self, instance: None, owner: type) -> Option[T]: ...

    @overload
    def __get__(self, instance: OptionHolder, owner: type) -> T: ...

    def __get__(self, instance: OptionHolder | None, owner: type) -> Option[T] | T:
        return self if instance is None else cast("T", _read(instance, self.option))

    def __set__(self, instance: OptionHolder, value: T) -> None:
        instance.set(self.option, value)

    def __repr__(self) -> str:
        return f"<Option {self.option.name}>"


class TextOption(Option[bytes]):
    """An attribute that is an option with text in it: set as `str` or `bytes`, read as `bytes`."""

    __slots__ = ()

    def __set__(self, instance: OptionHolder, value: bytes | str) -> None:
        instance.set(self.option, value)


class ClearableOption(TextOption):
    """A `TextOption` that None takes back."""

    __slots__ = ()

    def __set__(self, instance: OptionHolder, value: bytes | str | None) -> None:
        instance.set(self.option, value)


class ListOption(Option[T]):
    """An attribute that is an option of which each value set is one more, and None takes all of them back."""

    __slots__ = ()

    def __set__(self, instance: OptionHolder, value: T | None) -> None:
        instance.set(self.option, value)


class State(Generic[S]):
    """An attribute that is something a socket knows: read and never set."""

    __slots__ = ("convert", "option")

    def __init__(self, option: SocketOption, convert: Callable[[Any], S]) -> None:
        self.option = option
        self.convert = convert

    @overload
    def __get__(self, instance: None, owner: type) -> State[S]: ...

    @overload
    def __get__(self, instance: OptionHolder, owner: type) -> S: ...

    def __get__(self, instance: OptionHolder | None, owner: type) -> State[S] | S:
        return self if instance is None else self.convert(_read(instance, self.option))

    def __set__(self, instance: OptionHolder, value: Never) -> None:
        instance.set(self.option, value)  # says that it is read-only

    def __repr__(self) -> str:
        return f"<State {self.option.name}>"


class StateAttributes:
    """Gives a socket an attribute for everything that can be read and not set, as the type it means."""

    __slots__ = ()

    events = State(SocketOption.EVENTS, PollEvent)
    last_endpoint = State(SocketOption.LAST_ENDPOINT, bytes.decode)
    mechanism = State(SocketOption.MECHANISM, SecurityMechanism)
    rcvmore = State(SocketOption.RCVMORE, bool)
    thread_safe = State(SocketOption.THREAD_SAFE, bool)
    topics_count = State(SocketOption.TOPICS_COUNT, int)
    type = State(SocketOption.TYPE, SocketType)


class OptionAttributes:
    """Gives a class with `get` and `set` an attribute for every option that can be set."""

    __slots__ = ()

    affinity = Option[int](SocketOption.AFFINITY)
    backlog = Option[int](SocketOption.BACKLOG)
    bindtodevice = ClearableOption(SocketOption.BINDTODEVICE)
    conflate = Option[int](SocketOption.CONFLATE)
    connect_rid = Option[bytes](SocketOption.CONNECT_ROUTING_ID)
    connect_routing_id = Option[bytes](SocketOption.CONNECT_ROUTING_ID)
    connect_timeout = Option[int](SocketOption.CONNECT_TIMEOUT)
    curve_publickey = TextOption(SocketOption.CURVE_PUBLICKEY)
    curve_secretkey = TextOption(SocketOption.CURVE_SECRETKEY)
    curve_server = Option[int](SocketOption.CURVE_SERVER)
    curve_serverkey = TextOption(SocketOption.CURVE_SERVERKEY)
    delay_attach_on_connect = Option[int](SocketOption.IMMEDIATE)
    disconnect_msg = Option[bytes](SocketOption.DISCONNECT_MSG)
    fail_unroutable = Option[int](SocketOption.ROUTER_MANDATORY)
    handshake_ivl = Option[int](SocketOption.HANDSHAKE_IVL)
    heartbeat_ivl = Option[int](SocketOption.HEARTBEAT_IVL)
    heartbeat_timeout = Option[int](SocketOption.HEARTBEAT_TIMEOUT)
    heartbeat_ttl = Option[int](SocketOption.HEARTBEAT_TTL)
    hello_msg = Option[bytes](SocketOption.HELLO_MSG)
    hiccup_msg = Option[bytes](SocketOption.HICCUP_MSG)
    hwm = Option[int](SocketOption.HWM)
    identity = Option[bytes](SocketOption.ROUTING_ID)
    immediate = Option[int](SocketOption.IMMEDIATE)
    in_batch_size = Option[int](SocketOption.IN_BATCH_SIZE)
    invert_matching = Option[int](SocketOption.INVERT_MATCHING)
    ipc_filter_gid = ListOption[int](SocketOption.IPC_FILTER_GID)
    ipc_filter_pid = ListOption[int](SocketOption.IPC_FILTER_PID)
    ipc_filter_uid = ListOption[int](SocketOption.IPC_FILTER_UID)
    ipv4only = Option[int](SocketOption.IPV4ONLY)
    ipv6 = Option[int](SocketOption.IPV6)
    linger = Option[int](SocketOption.LINGER)
    maxmsgsize = Option[int](SocketOption.MAXMSGSIZE)
    metadata = TextOption(SocketOption.METADATA)
    multicast_hops = Option[int](SocketOption.MULTICAST_HOPS)
    multicast_loop = Option[int](SocketOption.MULTICAST_LOOP)
    multicast_maxtpdu = Option[int](SocketOption.MULTICAST_MAXTPDU)
    only_first_subscribe = Option[int](SocketOption.ONLY_FIRST_SUBSCRIBE)
    out_batch_size = Option[int](SocketOption.OUT_BATCH_SIZE)
    plain_password = ClearableOption(SocketOption.PLAIN_PASSWORD)
    plain_server = Option[int](SocketOption.PLAIN_SERVER)
    plain_username = ClearableOption(SocketOption.PLAIN_USERNAME)
    priority = Option[int](SocketOption.PRIORITY)
    probe_router = Option[int](SocketOption.PROBE_ROUTER)
    rate = Option[int](SocketOption.RATE)
    rcvbuf = Option[int](SocketOption.RCVBUF)
    rcvhwm = Option[int](SocketOption.RCVHWM)
    rcvtimeo = Option[int](SocketOption.RCVTIMEO)
    reconnect_ivl = Option[int](SocketOption.RECONNECT_IVL)
    reconnect_ivl_max = Option[int](SocketOption.RECONNECT_IVL_MAX)
    reconnect_stop = Option[int](SocketOption.RECONNECT_STOP)
    recovery_ivl = Option[int](SocketOption.RECOVERY_IVL)
    req_correlate = Option[int](SocketOption.REQ_CORRELATE)
    req_relaxed = Option[int](SocketOption.REQ_RELAXED)
    router_behavior = Option[int](SocketOption.ROUTER_MANDATORY)
    router_handover = Option[int](SocketOption.ROUTER_HANDOVER)
    router_mandatory = Option[int](SocketOption.ROUTER_MANDATORY)
    router_notify = Option[int](SocketOption.ROUTER_NOTIFY)
    routing_id = Option[bytes](SocketOption.ROUTING_ID)
    sndbuf = Option[int](SocketOption.SNDBUF)
    sndhwm = Option[int](SocketOption.SNDHWM)
    sndtimeo = Option[int](SocketOption.SNDTIMEO)
    socks_password = ClearableOption(SocketOption.SOCKS_PASSWORD)
    socks_proxy = ClearableOption(SocketOption.SOCKS_PROXY)
    socks_username = ClearableOption(SocketOption.SOCKS_USERNAME)
    stream_notify = Option[int](SocketOption.STREAM_NOTIFY)
    tcp_accept_filter = ClearableOption(SocketOption.TCP_ACCEPT_FILTER)
    tcp_keepalive = Option[int](SocketOption.TCP_KEEPALIVE)
    tcp_keepalive_cnt = Option[int](SocketOption.TCP_KEEPALIVE_CNT)
    tcp_keepalive_idle = Option[int](SocketOption.TCP_KEEPALIVE_IDLE)
    tcp_keepalive_intvl = Option[int](SocketOption.TCP_KEEPALIVE_INTVL)
    tcp_maxrt = Option[int](SocketOption.TCP_MAXRT)
    tos = Option[int](SocketOption.TOS)
    use_fd = Option[int](SocketOption.USE_FD)
    xpub_manual = Option[int](SocketOption.XPUB_MANUAL)
    xpub_manual_last_value = Option[int](SocketOption.XPUB_MANUAL_LAST_VALUE)
    xpub_nodrop = Option[int](SocketOption.XPUB_NODROP)
    xpub_verbose = Option[int](SocketOption.XPUB_VERBOSE)
    xpub_verboser = Option[int](SocketOption.XPUB_VERBOSER)
    xpub_welcome_msg = Option[bytes](SocketOption.XPUB_WELCOME_MSG)
    xsub_verbose_unsubscribe = Option[int](SocketOption.XSUB_VERBOSE_UNSUBSCRIBE)
    zap_domain = TextOption(SocketOption.ZAP_DOMAIN)
    zap_enforce_domain = Option[int](SocketOption.ZAP_ENFORCE_DOMAIN)
