"""Setting and reading socket options: names to specs, values checked, values kept.

`spec_of` finds an option, `checked` refuses what it does not take, `store` and `load` put a value into a
`SocketOptions` and get it out. Neither knows a socket: what an option does is done by whoever reads the struct.
"""

from __future__ import annotations

import difflib
import errno
import operator
import sys
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, SupportsIndex, TypeVar

from aiomq.constants import SecurityMechanism, SocketOption, SocketType
from aiomq.crypto import check_available
from aiomq.errors import ZMQError
from aiomq.option_attributes import OptionAttributes, StateAttributes
from aiomq.option_spec import OptionKind, OptionSpec, OptionStatus, OptionValue, SocketOptions
from aiomq.option_table import OPTIONS
from aiomq.option_values import app_property, curve_key, ip_network, proxy_address

__all__ = [
    "OPTIONS",
    "OptionAttributes",
    "OptionKind",
    "OptionSpec",
    "OptionStatus",
    "OptionValue",
    "SocketOptions",
    "StateAttributes",
    "check_readable",
    "checked",
    "default_options",
    "load",
    "refusal",
    "spec_of",
    "store",
]

_NAMES: Final[Mapping[str, SocketOption]] = {
    name: spec.option for spec in OPTIONS.values() for name in (spec.name, *spec.aliases)
}

T = TypeVar("T")


class _Form(NamedTuple):
    """Text that must have a form."""

    read: Callable[[bytes], object]
    accepted: str


_FORMS: Final[Mapping[SocketOption, _Form]] = {
    SocketOption.METADATA: _Form(app_property, "a property, 'X-name:value'"),
    SocketOption.SOCKS_PROXY: _Form(proxy_address, "the address of a proxy, 'host:port', or nothing"),
    SocketOption.TCP_ACCEPT_FILTER: _Form(ip_network, "a network, 'address' or 'address/length', or nothing"),
}

_SECRETS: Final = frozenset({SocketOption.CURVE_SECRETKEY, SocketOption.PLAIN_PASSWORD, SocketOption.SOCKS_PASSWORD})
"""Options whose values no error shows."""

_CRYPTOGRAPHIC: Final = frozenset(
    {
        SocketOption.CURVE_SERVER,
        SocketOption.CURVE_PUBLICKEY,
        SocketOption.CURVE_SECRETKEY,
        SocketOption.CURVE_SERVERKEY,
    }
)
"""Options that are refused where there is no cryptography."""

_LINUX_ONLY: Final = frozenset({SocketOption.IPC_FILTER_PID, SocketOption.IPC_FILTER_UID, SocketOption.IPC_FILTER_GID})

_NO_LINGER: Final = frozenset({SocketType.SUB, SocketType.XSUB, SocketType.DISH})
"""Types with nothing worth lingering for: what they send is subscriptions."""


def default_options(socket_type: SocketType) -> SocketOptions:
    """Return the options of a new socket of this type."""
    options = SocketOptions()
    if socket_type in _NO_LINGER:
        options.linger = 0
    return options


def spec_of(option: SupportsIndex | str) -> OptionSpec:
    """Find an option by its number or by its name, in any case.

    Raises:
        ZMQError: EINVAL if there is no such option, or if it is one that aiomq refuses: the text says why.
        TypeError: if it is neither a number nor a name.
    """
    if isinstance(option, str):
        return _spec_named(option)
    try:
        number = operator.index(option)
    except TypeError:
        raise TypeError(f"an option is a SocketOption, its number or its name, not {option!r}") from None
    try:
        known = SocketOption(number)
    except ValueError:
        raise ZMQError(
            errno.EINVAL, f"there is no socket option with number {number}: aiomq.SocketOption lists them"
        ) from None
    return _supported(known)


def _spec_named(name: str) -> OptionSpec:
    lowered = name.lower()
    if lowered in _NAMES:
        return _supported(_NAMES[lowered])
    close = difflib.get_close_matches(lowered, _NAMES)
    hint = f"did you mean {' or '.join(close)}?" if close else "aiomq.SocketOption lists them"
    raise ZMQError(errno.EINVAL, f"there is no socket option named {name!r}: {hint}")


def _supported(option: SocketOption) -> OptionSpec:
    reason = refusal(option.name)
    if reason:
        raise ZMQError(errno.EINVAL, reason)
    return OPTIONS[option]


def refusal(name: str) -> str:
    """Return why aiomq has not the option of this name; an empty text if it has, or if there is no such option."""
    option = _NAMES.get(name.lower())
    if option is None or OPTIONS[option].status is not OptionStatus.REFUSED:
        return ""
    return f"{option.name} (option {int(option)}) is refused: {OPTIONS[option].because}"


def checked(spec: OptionSpec, value: object, socket_type: SocketType | None) -> OptionValue | None:
    """Return the value in the form that `store` takes, if a socket of this type takes it.

    Args:
        spec: the option.
        value: what the user gave.
        socket_type: the type of the socket; None for a default that fits some types and not others.

    Raises:
        ZMQError: EINVAL if the option is read-only, not for this type, or the value out of range.
        TypeError: if the value is of another type than the option takes.
    """
    if not spec.writable:
        raise ZMQError(errno.EINVAL, f"{spec.option.name} is read-only")
    _check_type(spec, socket_type)
    if spec.option in _LINUX_ONLY and not sys.platform.startswith("linux"):
        raise ZMQError(errno.EINVAL, f"{spec.option.name} needs SO_PEERCRED of Linux, and this is {sys.platform}")
    if value is None and spec.clears:
        return None
    if spec.option in _CRYPTOGRAPHIC and value:
        check_available()
    if spec.kind in {OptionKind.INT, OptionKind.INT64, OptionKind.BOOL}:
        return _checked_number(spec, value)
    return _checked_form(spec, _checked_bytes(spec, value))


def check_readable(spec: OptionSpec, socket_type: SocketType | None) -> None:
    """Refuse to read what cannot be read.

    Raises:
        ZMQError: EINVAL if the option is write-only or not for this type.
    """
    _check_type(spec, socket_type)
    if not spec.readable:
        raise ZMQError(errno.EINVAL, f"{spec.option.name} is write-only: it can be set and not read")


def _check_type(spec: OptionSpec, socket_type: SocketType | None) -> None:
    if spec.socket_types is None or socket_type is None or socket_type in spec.socket_types:
        return
    having = ", ".join(each.name for each in sorted(spec.socket_types))
    raise ZMQError(
        errno.EINVAL, f"{spec.option.name} is an option of {having} sockets, a {socket_type.name} has it not"
    )


def _checked_number(spec: OptionSpec, value: object) -> int:
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # the TypeError is what we are after
    except TypeError:
        raise TypeError(f"{spec.option.name} takes {spec.accepted}, not {value!r}") from None
    if number < spec.minimum or (spec.maximum is not None and number > spec.maximum):
        raise ZMQError(errno.EINVAL, f"{spec.option.name} takes {spec.accepted}: {number} is out of range")
    if spec.kind is OptionKind.BOOL:
        return bool(number)
    return number - number % spec.step


def _checked_bytes(spec: OptionSpec, value: object) -> bytes:
    if isinstance(value, str) and spec.kind is not OptionKind.BYTES:
        value = _encoded(spec, value)
    if not isinstance(value, bytes | bytearray | memoryview):
        hint = ": encode it first" if isinstance(value, str) else ""
        raise TypeError(f"{spec.option.name} takes {spec.accepted}, not {_shown(spec, value)}{hint}")
    data = bytes(value)
    if spec.kind is OptionKind.KEY:
        return data
    if len(data) < spec.minimum or (spec.maximum is not None and len(data) > spec.maximum):
        raise ZMQError(errno.EINVAL, f"{spec.option.name} takes {spec.accepted}, got {len(data)}")
    return data


def _shown(spec: OptionSpec, value: object) -> str:
    """What an error may show of a value: not what may be a secret."""
    return type(value).__name__ if spec.option in _SECRETS else repr(value)


def _checked_form(spec: OptionSpec, data: bytes) -> bytes:
    if spec.kind is OptionKind.KEY:
        return _read_form(spec, curve_key, data)
    form = _FORMS.get(spec.option)
    if form is not None and data:
        _read_form(spec, form.read, data, form.accepted)
    return data


def _read_form(spec: OptionSpec, read: Callable[[bytes], T], data: bytes, accepted: str = "") -> T:
    try:
        return read(data)
    except ValueError as exc:
        takes = f"{spec.option.name} takes {accepted or spec.accepted}"
        raise ZMQError(errno.EINVAL, f"{takes}, not {_shown(spec, data)}: {exc}") from None


def _encoded(spec: OptionSpec, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as exc:
        takes = f"{spec.option.name} takes {spec.accepted}"
        raise ZMQError(errno.EINVAL, f"{takes}, not {_shown(spec, text)}: {exc.reason}") from None


def load(options: SocketOptions, spec: OptionSpec) -> OptionValue:
    """Read an option that has an `attribute`, in the form that users get: booleans are 0 and 1, as in libzmq."""
    value: OptionValue = getattr(options, spec.attribute)
    if spec.option is SocketOption.IPV4ONLY:
        return int(not value)
    return int(value) if isinstance(value, bool) else value


def store(options: SocketOptions, spec: OptionSpec, value: OptionValue | None) -> None:
    """Keep a `checked` value of an option that has an `attribute`, and what follows from it for other options."""
    if spec.collects:
        setattr(options, spec.attribute, _collected(options, spec, value))
    else:
        setattr(options, spec.attribute, spec.default if value is None else value)
    consequence = _CONSEQUENCES.get(spec.option)
    if consequence is not None:
        consequence(options, value)


def _collected(options: SocketOptions, spec: OptionSpec, value: OptionValue | None) -> object:
    """Return all values of an option that collects them, with one more; a new object, as sockets' copies share it."""
    before = getattr(options, spec.attribute)
    if value is None or value == b"":
        return type(before)()
    if isinstance(value, int):
        return before | {value}
    if spec.option is SocketOption.METADATA:
        name, text = app_property(value)
        return before if name in dict(before) else (*before, (name, text))
    return (*before, ip_network(value))


def _hwm_set(options: SocketOptions, _: OptionValue | None) -> None:
    options.rcvhwm = options.sndhwm


def _ipv4only_set(options: SocketOptions, _: OptionValue | None) -> None:
    options.ipv6 = not options.ipv6


def _verbose_set(options: SocketOptions, _: OptionValue | None) -> None:
    options.xpub_verboser = False


def _verboser_set(options: SocketOptions, _: OptionValue | None) -> None:
    options.xpub_verbose = options.xpub_verboser


def _manual_last_value_set(options: SocketOptions, _: OptionValue | None) -> None:
    options.xpub_manual = options.xpub_manual_last_value


# The mechanism follows from what was set last, and so does which side's part to take (libzmq's rules): a login makes a
# PLAIN client, a key of our own leaves the part as it is, the server's key makes a client.


def _plain_server_set(options: SocketOptions, value: OptionValue | None) -> None:
    options.mechanism = SecurityMechanism.PLAIN if value else SecurityMechanism.NULL
    options.curve_server = False


def _login_set(options: SocketOptions, value: OptionValue | None) -> None:
    if value is None:
        options.mechanism = SecurityMechanism.NULL
    else:
        options.mechanism = SecurityMechanism.PLAIN
        options.curve_server = False
    options.plain_server = False


def _curve_server_set(options: SocketOptions, value: OptionValue | None) -> None:
    options.mechanism = SecurityMechanism.CURVE if value else SecurityMechanism.NULL
    options.plain_server = False


def _own_key_set(options: SocketOptions, _: OptionValue | None) -> None:
    options.mechanism = SecurityMechanism.CURVE
    options.curve_server = options.curve_server or options.plain_server
    options.plain_server = False


def _server_key_set(options: SocketOptions, _: OptionValue | None) -> None:
    options.mechanism = SecurityMechanism.CURVE
    options.curve_server = options.plain_server = False


_CONSEQUENCES: Final[Mapping[SocketOption, Callable[[SocketOptions, OptionValue | None], None]]] = {
    SocketOption.HWM: _hwm_set,
    SocketOption.IPV4ONLY: _ipv4only_set,
    SocketOption.XPUB_MANUAL_LAST_VALUE: _manual_last_value_set,
    SocketOption.XPUB_VERBOSE: _verbose_set,
    SocketOption.XPUB_VERBOSER: _verboser_set,
    SocketOption.PLAIN_SERVER: _plain_server_set,
    SocketOption.PLAIN_USERNAME: _login_set,
    SocketOption.PLAIN_PASSWORD: _login_set,
    SocketOption.CURVE_SERVER: _curve_server_set,
    SocketOption.CURVE_PUBLICKEY: _own_key_set,
    SocketOption.CURVE_SECRETKEY: _own_key_set,
    SocketOption.CURVE_SERVERKEY: _server_key_set,
}
