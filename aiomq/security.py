"""From the security options of a socket to the mechanism of its connections (RFC 24 to 27).

The last option that was set decides: PLAIN_SERVER, PLAIN_USERNAME and PLAIN_PASSWORD make it PLAIN, the CURVE options
CURVE. Which side is the server is a matter of options too, and not of who binds.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from aiomq.budgets import BUDGETS
from aiomq.constants import SecurityMechanism, SocketType
from aiomq.crypto import check_available, public_key_of, same
from aiomq.errors import ZMQError
from aiomq.options import SocketOptions
from aiomq.zmtp.mechanisms.base import Mechanism
from aiomq.zmtp.mechanisms.curve_client import CurveClient
from aiomq.zmtp.mechanisms.curve_server import CurveServer
from aiomq.zmtp.mechanisms.null import NullMechanism
from aiomq.zmtp.mechanisms.plain import PlainClient, PlainServer
from aiomq.zmtp.zap import ENDPOINT

__all__ = ["check_handler", "check_security", "lowest_version", "mechanism_for", "version_of"]

_HANDLERS: Final = frozenset({SocketType.REP, SocketType.ROUTER, SocketType.SERVER})

_VERSIONS: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {"1.0": (1, 0), "2.0": (2, 0), "3.0": (3, 0), "3.1": (3, 1)}
)


def version_of(version: str | None) -> str | None:
    """Return a value for `zmtp_min` that is one; None is the default.

    Raises:
        ZMQError: EINVAL if it is none.
    """
    if version is not None and version not in _VERSIONS:
        names = ", ".join(_VERSIONS)
        raise ZMQError(errno.EINVAL, f"zmtp_min takes a version as text ({names}), or None, not {version!r}")
    return version


def lowest_version(options: SocketOptions) -> tuple[int, int]:
    """Return the lowest version of ZMTP to speak: the one that was set, or what the other options ask for.

    Before 3.0 anybody is a peer: bytes that happen to be a frame are a handshake.
    """
    if options.zmtp_min:
        return _VERSIONS[options.zmtp_min]
    has_rules = (
        options.mechanism != SecurityMechanism.NULL
        or options.zap_domain
        or options.maxmsgsize >= 0
        or options.tcp_accept_filter
        or options.ipc_filter_pid
        or options.ipc_filter_uid
        or options.ipc_filter_gid
        or any(getattr(options, name) != budget.default for name, budget in BUDGETS.items())
    )
    return _VERSIONS["3.0" if has_rules else "1.0"]


def mechanism_for(options: SocketOptions) -> Callable[[], Mechanism]:
    """Return what makes the mechanism of a new connection. The options have passed `check_security`."""
    # Functions and not partials, whose repr would show the secrets.
    if options.mechanism == SecurityMechanism.CURVE:
        if options.curve_server:
            return lambda: CurveServer(options.curve_secretkey)
        return lambda: CurveClient(options.curve_publickey, options.curve_secretkey, options.curve_serverkey)
    if options.mechanism == SecurityMechanism.PLAIN:
        if options.plain_server:
            return PlainServer
        return lambda: PlainClient(options.plain_username, options.plain_password)
    return NullMechanism


def check_security(options: SocketOptions) -> None:
    """Check, at a bind or connect, that the security options make up something that can work.

    Raises:
        ZMQError: EINVAL if they do not.
    """
    if options.mechanism == SecurityMechanism.CURVE:
        check_available()
        _check_keys(options)
    if _asks_without_a_domain(options):
        name = SecurityMechanism(options.mechanism).name
        raise ZMQError(errno.EINVAL, f"a {name} server with ZAP_ENFORCE_DOMAIN needs a ZAP_DOMAIN")


def _asks_without_a_domain(options: SocketOptions) -> bool:
    # NULL is left alone: there a domain is what turns ZAP on (27/ZAP), and who has none is not to be asked about.
    is_server = {
        SecurityMechanism.PLAIN: options.plain_server,
        SecurityMechanism.CURVE: options.curve_server,
    }.get(SecurityMechanism(options.mechanism), False)
    return bool(is_server) and options.zap_enforce_domain and not options.zap_domain


def _check_keys(options: SocketOptions) -> None:
    role, names = (
        ("server", ("curve_secretkey",))
        if options.curve_server
        else ("client", ("curve_publickey", "curve_secretkey", "curve_serverkey"))
    )
    missing = [name.upper() for name in names if not any(getattr(options, name))]
    if missing:
        raise ZMQError(errno.EINVAL, f"a CURVE {role} needs a key in {' and in '.join(missing)}")
    if not options.curve_server and not same(public_key_of(options.curve_secretkey), options.curve_publickey):
        raise ZMQError(errno.EINVAL, "CURVE_PUBLICKEY and CURVE_SECRETKEY are not the keys of one pair")


def check_handler(address: str, socket_type: SocketType) -> None:
    """Check that what is bound where ZAP handlers are bound can be one.

    Raises:
        ZMQError: EINVAL if it cannot.
    """
    if address == ENDPOINT and socket_type not in _HANDLERS:
        having = ", ".join(each.name for each in sorted(_HANDLERS))
        raise ZMQError(errno.EINVAL, f"{ENDPOINT} is for ZAP handlers: {having} sockets, and no {socket_type.name}")
