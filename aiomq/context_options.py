"""The options of a context itself, beside the socket options for which it keeps defaults."""

from __future__ import annotations

import errno
import operator
from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol, SupportsIndex, overload

from aiomq.constants import ContextOption, SocketOption
from aiomq.errors import ZMQError
from aiomq.option_spec import INT_MAX

__all__ = ["ContextAttribute", "ContextAttributes", "ContextOptions", "context_option"]

_SOCKET_LIMIT: Final = 65_535
_MSG_T_SIZE: Final = 64

_Key = ContextOption | SocketOption
"""BLOCKY is numbered among the socket options, and is an option of contexts alone."""


class _Spec(NamedTuple):
    """What is known of one of them; `minimum` above `maximum` is one that cannot be set."""

    default: int
    minimum: int = 0
    maximum: int = INT_MAX
    is_switch: bool = False


_SPECS: Final[Mapping[_Key, _Spec]] = {
    ContextOption.IO_THREADS: _Spec(1),
    ContextOption.MAX_SOCKETS: _Spec(1023, minimum=1),
    ContextOption.SOCKET_LIMIT: _Spec(_SOCKET_LIMIT, maximum=-1),
    ContextOption.MAX_MSGSZ: _Spec(INT_MAX),
    ContextOption.MSG_T_SIZE: _Spec(_MSG_T_SIZE, maximum=-1),
    ContextOption.ZERO_COPY_RECV: _Spec(1, is_switch=True),
    SocketOption.BLOCKY: _Spec(1, is_switch=True),
}

_NO_THREADS: Final = frozenset(
    {
        ContextOption.THREAD_SCHED_POLICY,
        ContextOption.THREAD_AFFINITY_CPU_ADD,
        ContextOption.THREAD_AFFINITY_CPU_REMOVE,
        ContextOption.THREAD_NAME_PREFIX,
    }
)

_NAMES: Final[Mapping[str, _Key]] = {
    **{name.lower(): option for name, option in ContextOption.__members__.items()},
    "blocky": SocketOption.BLOCKY,
}


def context_option(option: SupportsIndex | str, *, by_number: bool) -> _Key | None:
    """Return the context option that is meant; None if it is none, and so perhaps a socket option.

    Args:
        option: a `ContextOption`, BLOCKY, the name of one, or a number.
        by_number: whether a number that both kinds of options have means the context's.
    """
    if isinstance(option, str):
        return _NAMES.get(option.lower())
    if isinstance(option, ContextOption):
        return option
    if option == SocketOption.BLOCKY:
        return SocketOption.BLOCKY
    if not by_number or isinstance(option, SocketOption) or not hasattr(option, "__index__"):
        return None
    number = operator.index(option)
    return ContextOption(number) if number in ContextOption.__members__.values() else None


class ContextOptions:
    """The values of a context's own options."""

    __slots__ = ("_values",)

    def __init__(self, io_threads: int) -> None:
        self._values: dict[_Key, int] = {}
        self.set(ContextOption.IO_THREADS, io_threads)

    def get(self, option: _Key) -> int:
        """Return a value.

        Raises:
            ZMQError: EINVAL for an option of threads.
        """
        if option in _NO_THREADS:
            raise _threadless(option)
        return self._values.get(option, _SPECS[option].default)

    def set(self, option: _Key, value: object) -> None:
        """Keep a value.

        Raises:
            ZMQError: EINVAL for an option of threads, one that is read-only, or a value out of range.
            TypeError: it is no integer.
        """
        if option in _NO_THREADS or option is ContextOption.THREAD_PRIORITY:
            raise _threadless(option)
        spec = _SPECS[option]
        if spec.maximum < spec.minimum:
            raise ZMQError(errno.EINVAL, f"{option.name} is read-only")
        try:
            number = operator.index(value)  # type: ignore[arg-type]  # the TypeError is what we are after
        except TypeError:
            raise TypeError(f"{option.name} takes {_accepted(spec)}, not {value!r}") from None
        if not spec.minimum <= number <= spec.maximum:
            raise ZMQError(errno.EINVAL, f"{option.name} takes {_accepted(spec)}: {number} is out of range")
        self._values[option] = int(bool(number)) if spec.is_switch else number


def _accepted(spec: _Spec) -> str:
    return "0 or 1 (False or True)" if spec.is_switch else f"an integer from {spec.minimum} to {spec.maximum}"


def _threadless(option: _Key) -> ZMQError:
    name = "THREAD_PRIORITY" if option is ContextOption.THREAD_PRIORITY else option.name
    also = " (SOCKET_LIMIT, of the same number, is read-only)" if option is ContextOption.SOCKET_LIMIT else ""
    return ZMQError(errno.EINVAL, f"{name} is refused: there are no threads that it could be about{also}")


class _Holder(Protocol):
    def get(self, option: _Key, /) -> object:
        """Return the value of an option."""

    def set(self, option: _Key, value: int, /) -> None:
        """Set the value of an option."""


class ContextAttribute:
    """An attribute of a context that is an option of it."""

    __slots__ = ("option",)

    def __init__(self, option: _Key) -> None:
        self.option = option

    @overload
    def __get__(self, instance: None, owner: type) -> ContextAttribute: ...

    @overload
    def __get__(self, instance: _Holder, owner: type) -> int: ...

    def __get__(self, instance: _Holder | None, owner: type) -> ContextAttribute | int:
        if instance is None:
            return self
        value = instance.get(self.option)
        assert isinstance(value, int)
        return value

    def __set__(self, instance: _Holder, value: int) -> None:
        instance.set(self.option, value)

    def __repr__(self) -> str:
        return f"<ContextAttribute {self.option.name}>"


class ContextAttributes:
    """Gives a context an attribute for every option of its own.

    Attributes:
        io_threads: kept, without effect: the event loop does the input and output.
        max_sockets: how many sockets may be there at a time; one more is EMFILE. Sockets that linger count.
        socket_limit: what libzmq gives for the largest MAX_SOCKETS; it can be read alone.
        max_msgsz: kept, without effect, as by libzmq: nothing limits what may be sent.
        msg_t_size: what libzmq gives; there is no C structure. It can be read alone.
        blocky: 0 for new sockets to have LINGER 0, unless the context has a default for LINGER.
        zero_copy_recv: kept, without effect.
    """

    __slots__ = ()

    io_threads = ContextAttribute(ContextOption.IO_THREADS)
    max_sockets = ContextAttribute(ContextOption.MAX_SOCKETS)
    socket_limit = ContextAttribute(ContextOption.SOCKET_LIMIT)
    max_msgsz = ContextAttribute(ContextOption.MAX_MSGSZ)
    msg_t_size = ContextAttribute(ContextOption.MSG_T_SIZE)
    zero_copy_recv = ContextAttribute(ContextOption.ZERO_COPY_RECV)
    blocky = ContextAttribute(SocketOption.BLOCKY)
