"""The cryptography of CURVE (RFC 26): the one place that meets PyNaCl, which comes with the extra `aiozeromq[curve]`.

A box is X25519, XSalsa20 and Poly1305 in NaCl's combination, with the 16 octets of authentication in front.
"""

from __future__ import annotations

import errno
import importlib
import os
from collections.abc import Callable
from functools import cache
from hmac import compare_digest
from typing import Any, Final, TypeAlias

from aiomq import z85
from aiomq.errors import ZMQError
from aiomq.option_values import KEY_SIZE, curve_key

__all__ = [
    "KEY_SIZE",
    "MAC_SIZE",
    "BoxError",
    "Sealer",
    "box",
    "box_codecs",
    "check_available",
    "curve_keypair",
    "curve_public",
    "is_available",
    "keypair",
    "public_key_of",
    "random_octets",
    "same",
    "secret_box",
    "shared_key",
    "unbox",
    "unbox_secret",
]

MAC_SIZE: Final = 16
"""Octets by which a box is longer than what is in it."""

_MISSING: Final = "CURVE needs PyNaCl, which is not installed: pip install 'aiozeromq[curve]'"

Sealer: TypeAlias = Callable[[bytes, bytes, bytes], bytes]
"""Takes a text, a nonce and a shared key; returns the text in a box, or out of one."""


class BoxError(Exception):
    """A box does not open with this key and nonce, or a key is none to make a box with."""


@cache
def _nacl() -> Any:
    return importlib.import_module("nacl.bindings")


@cache
def _failures() -> tuple[type[Exception], ...]:
    return (importlib.import_module("nacl.exceptions").CryptoError,)


def is_available() -> bool:
    """Return whether PyNaCl can be imported."""
    try:
        _nacl()
    except ImportError:
        return False
    return True


def check_available(number: int = errno.EINVAL) -> None:
    """Check that there is cryptography.

    Raises:
        ZMQError: there is none; with this error number, and a text that says what to install.
    """
    if not is_available():
        raise ZMQError(number, _MISSING)


# -- keys -------------------------------------------------------------------------------------------------------------


def curve_keypair() -> tuple[bytes, bytes]:
    """Return a new public key and its secret key, each as 40 characters of Z85.

    Raises:
        ZMQError: ENOTSUP without PyNaCl (the extra `aiozeromq[curve]`).
    """
    check_available(errno.ENOTSUP)
    public_key, secret_key = keypair()
    return z85.encode(public_key), z85.encode(secret_key)


def curve_public(secret_key: str | bytes) -> bytes:
    """Return the public key of a secret key, both as 40 characters of Z85.

    Args:
        secret_key: 40 characters of Z85, or the 32 octets that they stand for.

    Raises:
        ZMQError: ENOTSUP without PyNaCl (the extra `aiozeromq[curve]`), EINVAL for what is no key.
    """
    check_available(errno.ENOTSUP)
    data = secret_key.encode() if isinstance(secret_key, str) else secret_key
    try:
        return z85.encode(public_key_of(curve_key(data)))
    except ValueError as error:
        raise ZMQError(errno.EINVAL, f"curve_public takes a key, 32 octets or 40 of Z85: {error}") from None


def keypair() -> tuple[bytes, bytes]:
    """Return a new public key and its secret key."""
    public_key, secret_key = _nacl().crypto_box_keypair()
    return public_key, secret_key


def public_key_of(secret_key: bytes) -> bytes:
    """Return the public key that belongs to a secret key."""
    public_key: bytes = _nacl().crypto_scalarmult_base(secret_key)
    return public_key


def shared_key(public_key: bytes, secret_key: bytes) -> bytes:
    """Return what both sides make of the other's public key and their own secret key.

    Raises:
        BoxError: the public key is one of the few that give the same for every secret key.
    """
    try:
        key: bytes = _nacl().crypto_box_beforenm(public_key, secret_key)
    except _failures() as error:
        raise BoxError("the public key is not one to share a key with") from error
    return key


def random_octets(size: int) -> bytes:
    """Return octets that nobody can foretell."""
    return os.urandom(size)


def same(one: bytes, other: bytes) -> bool:
    """Compare secrets, in a time that does not tell where they differ."""
    return compare_digest(one, other)


# -- boxes ------------------------------------------------------------------------------------------------------------


def box_codecs() -> tuple[Sealer, Sealer, tuple[type[Exception], ...]]:
    """Return what puts into a box, what opens one, and what the latter raises: for those who do it a lot."""
    nacl = _nacl()
    return nacl.crypto_box_easy_afternm, nacl.crypto_box_open_easy_afternm, _failures()


def box(text: bytes, nonce: bytes, key: bytes) -> bytes:
    """Return a text in a box, under a shared key and a nonce of 24 octets."""
    sealed: bytes = _nacl().crypto_box_easy_afternm(text, nonce, key)
    return sealed


def unbox(sealed: bytes, nonce: bytes, key: bytes) -> bytes:
    """Return the text in a box.

    Raises:
        BoxError: it does not open.
    """
    return _opened(_nacl().crypto_box_open_easy_afternm, sealed, nonce, key)


def secret_box(text: bytes, nonce: bytes, key: bytes) -> bytes:
    """Return a text in a box that whoever has made it opens again, under a key of its own."""
    sealed: bytes = _nacl().crypto_secretbox_easy(text, nonce, key)
    return sealed


def unbox_secret(sealed: bytes, nonce: bytes, key: bytes) -> bytes:
    """Return the text in a box made by `secret_box`.

    Raises:
        BoxError: it does not open.
    """
    return _opened(_nacl().crypto_secretbox_open_easy, sealed, nonce, key)


def _opened(opener: Sealer, sealed: bytes, nonce: bytes, key: bytes) -> bytes:
    try:
        return opener(sealed, nonce, key)
    except _failures() as error:
        raise BoxError("the box does not open") from error
