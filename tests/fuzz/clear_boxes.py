"""Cryptography that hides nothing: a box is its text behind 16 zeros, and all keys are the same.

A mutated box of real cryptography does not open, so that no fuzzer would ever see what is behind that check. With this
in its place the octets in boxes are as good as any others, keys and nonces do not count, and nothing is random.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from aiomq import crypto
from aiomq.crypto import KEY_SIZE, MAC_SIZE

__all__ = ["PUBLIC_KEY", "SECRET_KEY", "clear_boxes"]

PUBLIC_KEY: Final = b"P" * KEY_SIZE
SECRET_KEY: Final = b"S" * KEY_SIZE

_MAC: Final = bytes(MAC_SIZE)
_WORTHLESS: Final = bytes(KEY_SIZE)


class _ClosedError(Exception):
    """What PyNaCl would raise."""


class _Bindings:
    """Stands for `nacl.bindings`."""

    @staticmethod
    def crypto_box_keypair() -> tuple[bytes, bytes]:
        return PUBLIC_KEY, SECRET_KEY

    @staticmethod
    def crypto_scalarmult_base(_secret_key: bytes) -> bytes:
        return PUBLIC_KEY

    @staticmethod
    def crypto_box_beforenm(public_key: bytes, _secret_key: bytes) -> bytes:
        if public_key == _WORTHLESS:
            raise _ClosedError
        return b"K" * KEY_SIZE

    @staticmethod
    def _seal(text: bytes, nonce: bytes, key: bytes) -> bytes:
        assert (len(nonce), len(key)) == (24, KEY_SIZE)
        return _MAC + text

    @staticmethod
    def _open(sealed: bytes, nonce: bytes, key: bytes) -> bytes:
        assert (len(nonce), len(key)) == (24, KEY_SIZE)
        if not sealed.startswith(_MAC):
            raise _ClosedError
        return sealed[MAC_SIZE:]

    crypto_box_easy_afternm = crypto_secretbox_easy = _seal
    crypto_box_open_easy_afternm = crypto_secretbox_open_easy = _open


class _System:
    """Stands for `os`."""

    @staticmethod
    def urandom(size: int) -> bytes:
        return b"R" * size


_bindings: Final = _Bindings()


def _nacl() -> _Bindings:
    return _bindings


def _failures() -> tuple[type[Exception], ...]:
    return (_ClosedError,)


_STAND_INS: Final = {"_nacl": _nacl, "_failures": _failures, "os": _System()}
"""What is put into the place of names of `crypto`."""


@contextlib.contextmanager
def clear_boxes() -> Iterator[None]:
    """Put this cryptography in the place of the real one, as long as it lasts."""
    names = vars(crypto)
    real = {name: names[name] for name in _STAND_INS}
    names.update(_STAND_INS)
    try:
        yield
    finally:
        names.update(real)
