"""The one tree of errors, with the error numbers that libzmq users know.

Everything that aiomq raises on purpose is a `ZMQError`. The number is in `errno`: an ordinary one of the operating
system where libzmq uses it, or one of the four that only ZeroMQ has (`EFSM`, `ENOCOMPATPROTO`, `ETERM`, `EMTHREAD`).
The text says who failed, on what, and what to do about it.
"""

from __future__ import annotations

import errno as _errno
import os
from typing import Any

__all__ = [
    "EFSM",
    "EMTHREAD",
    "ENOCOMPATPROTO",
    "ETERM",
    "Again",
    "ContextTerminated",
    "NotDone",
    "WrongLoopError",
    "ZMQBindError",
    "ZMQError",
    "strerror",
]

_HAUSNUMERO = 156384712
"""Where libzmq starts the numbers that no operating system has."""

EFSM = _HAUSNUMERO + 51
ENOCOMPATPROTO = _HAUSNUMERO + 52
ETERM = _HAUSNUMERO + 53
EMTHREAD = _HAUSNUMERO + 54

_TEXTS = {
    EFSM: "Operation cannot be accomplished in current state",
    ENOCOMPATPROTO: "The protocol is not compatible with the socket type",
    ETERM: "Context was terminated",
    EMTHREAD: "No thread available",
}


def strerror(errno: int) -> str:
    """Return the text of an error number, those of ZeroMQ included."""
    return _TEXTS.get(errno) or os.strerror(errno)


class ZMQError(Exception):
    """Any failure of aiomq.

    Attributes:
        errno: the error number, equal to libzmq's for the same failure.
        strerror: what went wrong, in words.
    """

    errno: int
    strerror: str

    def __init__(self, errno: int | None = None, msg: str | None = None) -> None:
        self.errno = errno or 0
        self.strerror = msg or strerror(self.errno)
        super().__init__(errno, self.strerror)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.errno, self.strerror, self.args, dict(self.__dict__))

    def __str__(self) -> str:
        return self.strerror

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.strerror!r})"


def _restored(kind: type[ZMQError], number: int, text: str, args: tuple[Any, ...], state: dict[str, Any]) -> ZMQError:
    """Make an error anew that came from another process; its class may take other arguments than it keeps."""
    error = kind.__new__(kind)
    error.errno, error.strerror, error.args = number, text, args
    error.__dict__.update(state)
    return error


def _text_of(message: str | int | None, msg: str | None) -> str | None:
    """Return the text of an error that has only one number: of `Again("why")`, and of `Again(number, "why")`."""
    return message if isinstance(message, str) else msg


class Again(ZMQError, TimeoutError):  # type: ignore[misc]  # both have errno and strerror, and mean the same
    """Not now: no room (send) or no message (recv) without waiting, or not within the timeout."""

    def __init__(self, message: str | int | None = None, msg: str | None = None) -> None:
        super().__init__(_errno.EAGAIN, _text_of(message, msg))


class ContextTerminated(ZMQError):
    """The context was terminated while a call was waiting, or before it was made."""

    def __init__(self, message: str | int | None = None, msg: str | None = None) -> None:
        super().__init__(ETERM, _text_of(message, msg))


class NotDone(ZMQError, TimeoutError):  # type: ignore[misc]  # as `Again`
    """A tracked message has not left its socket within the timeout."""

    def __init__(self, message: str | int | None = None, msg: str | None = None) -> None:
        super().__init__(_errno.EAGAIN, _text_of(message, msg))


class ZMQBindError(ZMQError):
    """No endpoint could be bound."""

    def __init__(self, message: str, errno: int = _errno.EADDRINUSE) -> None:
        super().__init__(errno, message)


class WrongLoopError(ZMQError, RuntimeError):
    """A socket was used from another event loop or thread than the one it belongs to."""

    def __init__(self, message: str) -> None:
        super().__init__(EMTHREAD, message)
