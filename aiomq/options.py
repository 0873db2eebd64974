"""Setting and reading socket options: names to specs, values checked, values kept.

`spec_of` finds an option, `checked` refuses what it does not take, `store` and `load` put a value into a
`SocketOptions` and get it out. Neither knows a socket: what an option does is done by whoever reads the struct.
"""

from __future__ import annotations

import difflib
import errno
import operator
from collections.abc import Callable, Mapping
from typing import Final, SupportsIndex

from aiomq.constants import SocketOption, SocketType
from aiomq.errors import ZMQError
from aiomq.option_attributes import OptionAttributes, StateAttributes
from aiomq.option_spec import OptionKind, OptionSpec, OptionValue, SocketOptions
from aiomq.option_table import OPTIONS

__all__ = [
    "OPTIONS",
    "OptionAttributes",
    "OptionKind",
    "OptionSpec",
    "OptionValue",
    "SocketOptions",
    "StateAttributes",
    "check_readable",
    "checked",
    "default_options",
    "load",
    "spec_of",
    "store",
]

_NAMES: Final[Mapping[str, SocketOption]] = {
    name: spec.option for spec in OPTIONS.values() for name in (spec.name, *spec.aliases)
}

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
        ZMQError: EINVAL if there is no such option, or if this version gives it no meaning.
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
        return OPTIONS[_NAMES[lowered]]
    if name.upper() in SocketOption.__members__:
        return _supported(SocketOption[name.upper()])
    close = difflib.get_close_matches(lowered, _NAMES)
    hint = f"did you mean {' or '.join(close)}?" if close else "aiomq.SocketOption lists them"
    raise ZMQError(errno.EINVAL, f"there is no socket option named {name!r}: {hint}")


def _supported(option: SocketOption) -> OptionSpec:
    spec = OPTIONS.get(option)
    if spec is None:
        raise ZMQError(errno.EINVAL, f"{option.name} (option {int(option)}) is not supported yet by this version")
    return spec


def checked(spec: OptionSpec, value: object, socket_type: SocketType | None) -> OptionValue:
    """Return the value in the form in which it is kept, if a socket of this type takes it.

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
    if spec.kind in {OptionKind.BYTES, OptionKind.STR}:
        return _checked_bytes(spec, value)
    return _checked_number(spec, value)


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
    if isinstance(value, str) and spec.kind is OptionKind.STR:
        value = _encoded(spec, value)
    if not isinstance(value, bytes | bytearray | memoryview):
        hint = ": encode it first" if isinstance(value, str) else ""
        raise TypeError(f"{spec.option.name} takes {spec.accepted}, not {value!r}{hint}")
    data = bytes(value)
    if len(data) < spec.minimum or (spec.maximum is not None and len(data) > spec.maximum):
        raise ZMQError(errno.EINVAL, f"{spec.option.name} takes {spec.accepted}, got {len(data)}")
    return data


def _encoded(spec: OptionSpec, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as exc:
        raise ZMQError(errno.EINVAL, f"{spec.option.name} takes {spec.accepted}, not {text!r}: {exc.reason}") from None


def load(options: SocketOptions, spec: OptionSpec) -> OptionValue:
    """Read an option that has an `attribute`, in the form that users get: booleans are 0 and 1, as in libzmq."""
    value: OptionValue = getattr(options, spec.attribute)
    if spec.option is SocketOption.IPV4ONLY:
        return int(not value)
    return int(value) if isinstance(value, bool) else value


def store(options: SocketOptions, spec: OptionSpec, value: OptionValue) -> None:
    """Keep a `checked` value of an option that has an `attribute`, and what follows from it for other options."""
    setattr(options, spec.attribute, value)
    consequence = _CONSEQUENCES.get(spec.option)
    if consequence is not None:
        consequence(options)


def _hwm_set(options: SocketOptions) -> None:
    options.rcvhwm = options.sndhwm


def _ipv4only_set(options: SocketOptions) -> None:
    options.ipv6 = not options.ipv6


def _verbose_set(options: SocketOptions) -> None:
    options.xpub_verboser = False


def _verboser_set(options: SocketOptions) -> None:
    options.xpub_verbose = options.xpub_verboser


def _manual_last_value_set(options: SocketOptions) -> None:
    options.xpub_manual = options.xpub_manual_last_value


_CONSEQUENCES: Final[Mapping[SocketOption, Callable[[SocketOptions], None]]] = {
    SocketOption.HWM: _hwm_set,
    SocketOption.IPV4ONLY: _ipv4only_set,
    SocketOption.XPUB_MANUAL_LAST_VALUE: _manual_last_value_set,
    SocketOption.XPUB_VERBOSE: _verbose_set,
    SocketOption.XPUB_VERBOSER: _verboser_set,
}
