"""`zmq.utils.strtypes`, which pyzmq deprecates."""

from __future__ import annotations

import builtins
import warnings

__all__ = ["asbytes", "b", "basestring", "bytes", "cast_bytes", "cast_unicode", "u", "unicode"]

bytes = builtins.bytes  # the name is pyzmq's
unicode = str
basestring = (str,)


def cast_bytes(s: str | builtins.bytes, encoding: str = "utf8", errors: str = "strict") -> builtins.bytes:
    """Return a text encoded, and bytes as they are."""
    _deprecated()
    return s.encode(encoding, errors) if isinstance(s, str) else builtins.bytes(s)


def cast_unicode(s: str | builtins.bytes, encoding: str = "utf8", errors: str = "strict") -> str:
    """Return bytes decoded, and a text as it is."""
    _deprecated()
    return s if isinstance(s, str) else s.decode(encoding, errors)


def _deprecated() -> None:
    warnings.warn("zmq.utils.strtypes is deprecated", DeprecationWarning, stacklevel=3)


b = asbytes = cast_bytes
u = cast_unicode
