"""Which pyzmq, and which libzmq, a program may take this for."""

from __future__ import annotations

from typing import Final

__all__ = ["__revision__", "__version__", "pyzmq_version", "pyzmq_version_info", "zmq_version", "zmq_version_info"]

__version__: Final = "27.1.0"
"""The pyzmq whose names and signatures these are."""

__revision__: Final = ""

version_info: Final = (27, 1, 0)
VERSION_MAJOR, VERSION_MINOR, VERSION_PATCH = version_info
VERSION_EXTRA: Final = ""

_ZMQ: Final = (4, 3, 5)
"""The libzmq whose behaviour this is."""


def pyzmq_version() -> str:
    """Return the version of pyzmq that this is like."""
    return __version__


def pyzmq_version_info() -> tuple[int, int, int]:
    """Return the same as numbers."""
    return version_info


def zmq_version() -> str:
    """Return the version of libzmq that this is like."""
    return ".".join(map(str, _ZMQ))


def zmq_version_info() -> tuple[int, int, int]:
    """Return the same as numbers."""
    return _ZMQ
