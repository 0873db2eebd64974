"""The constants of `zmq.constants`: enumerations, and each of their members by its own name."""

from __future__ import annotations

import errno as _errno
import sys as _sys
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

from aiomq import constants as _constants
from aiomq.constants import *  # noqa: F403  # two hundred names, listed there once
from aiomq.errors import EFSM, EMTHREAD, ENOCOMPATPROTO, ETERM
from aiomq.option_numbers import *  # noqa: F403  # type checkers do not follow a star through a star

_ORDINARY: Final = (
    *("EADDRINUSE", "EADDRNOTAVAIL", "EAFNOSUPPORT", "EAGAIN", "ECONNABORTED", "ECONNREFUSED", "ECONNRESET"),
    *("EFAULT", "EHOSTUNREACH", "EINPROGRESS", "EINVAL", "EMSGSIZE", "ENETDOWN", "ENETRESET", "ENETUNREACH"),
    *("ENOBUFS", "ENOTCONN", "ENOTSOCK", "ENOTSUP", "EPROTONOSUPPORT", "ETIMEDOUT"),
)

Errno = IntEnum(  # type: ignore[misc]  # the numbers are those of the operating system
    "Errno",
    {
        **{name: getattr(_errno, name) for name in _ORDINARY},
        "EFSM": EFSM,
        "ENOCOMPATPROTO": ENOCOMPATPROTO,
        "ETERM": ETERM,
        "EMTHREAD": EMTHREAD,
    },
    module=__name__,
)

for _error in Errno:
    setattr(_sys.modules[__name__], _error.name, _error)

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Let type checkers know that there are more names than they can follow here."""


__all__ = [*_constants.__all__, "Errno"]  # noqa: PLE0604  # names all the same
__all__.extend(_error.name for _error in Errno)  # noqa: PYI056  # what reads the source for the pages warns of others
