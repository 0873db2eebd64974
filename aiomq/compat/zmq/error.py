"""The errors of `zmq.error`. They are aiomq's own, so that what a socket raises is caught by either name."""

from __future__ import annotations

import errno as _errno

from aiomq.errors import Again, ContextTerminated, NotDone, ZMQBindError, ZMQError

__all__ = [
    "Again",
    "BlockingCallError",
    "ContextTerminated",
    "DraftFDWarning",
    "InterruptedSystemCall",
    "NotDone",
    "ZMQBaseError",
    "ZMQBindError",
    "ZMQError",
    "ZMQVersionError",
]

ZMQBaseError = ZMQError


class BlockingCallError(ZMQError, NotImplementedError):
    """A call that would block its thread, where an event loop would stand still."""

    def __init__(self, what: str, instead: str) -> None:
        text = (
            f"{what} would block the event loop: {instead}. A context that is made where no event loop runs has"
            " sockets that may block in any thread without one"
        )
        super().__init__(_errno.ENOTSUP, text)


class InterruptedSystemCall(ZMQError, InterruptedError):  # type: ignore[misc]  # both have errno and strerror
    """EINTR. Nothing here raises it; it is there to be named."""

    def __init__(self, errno: int | str | None = None, msg: str | None = None) -> None:
        super().__init__(_errno.EINTR, msg)


class ZMQVersionError(NotImplementedError):
    """A feature needs a later libzmq. Nothing here raises it; it is there to be named."""

    def __init__(self, min_version: str, msg: str = "Feature") -> None:
        self.min_version = min_version
        self.msg = msg
        super().__init__(f"{msg} requires libzmq >= {min_version}")


class DraftFDWarning(RuntimeWarning):
    """A draft socket's FD. Nothing here raises it; it is there to be named."""

    def __init__(self, msg: str = "") -> None:
        super().__init__(msg or "the FD of a draft socket is experimental")
