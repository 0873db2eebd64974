"""CURVE keys in files, in the form that pyzmq and czmq know (ZPL, RFC 4).

A pair of keys makes two files: `name.key` with the public key, to be given away, and `name.key_secret` with both, to be
kept. Keys are 40 characters of Z85.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, TypeAlias

from aiomq import z85
from aiomq.crypto import KEY_SIZE, curve_keypair

__all__ = ["create_certificates", "load_certificate", "load_certificates"]

PathLike: TypeAlias = str | os.PathLike[str]

_PUBLIC: Final = """\
#   ****  Generated on {0} by aiomq  ****
#   ZeroMQ CURVE Public Certificate
#   Whoever has this file can recognize its owner. See that it arrives as it was sent.

"""

_SECRET: Final = """\
#   ****  Generated on {0} by aiomq  ****
#   ZeroMQ CURVE **Secret** Certificate
#   Whoever has this file can pretend to be its owner. Give it to nobody.

"""

_OWNER_ONLY: Final = 0o600


def create_certificates(key_dir: PathLike, name: str, metadata: Mapping[str, str] | None = None) -> tuple[str, str]:
    """Make a pair of keys and write it to `name.key` and `name.key_secret`; files of these names are replaced.

    Only the owner may read the secret file.

    Args:
        key_dir: the folder to write to.
        name: the name of both files, without an ending.
        metadata: lines to add to the secret file, for people to read. Each is one line, without line breaks.

    Returns:
        The paths of the public and of the secret file.

    Raises:
        OSError: they cannot be written.
        ValueError: a name or value of the metadata has a line break.
        ZMQError: ENOTSUP without PyNaCl (the extra `aiozeromq[curve]`).
    """
    public_key, secret_key = (key.decode() for key in curve_keypair())
    public_file = Path(key_dir, f"{name}.key")
    secret_file = Path(key_dir, f"{name}.key_secret")
    now = datetime.now().astimezone()
    curve = ["curve", f'    public-key = "{public_key}"']
    body = ["metadata", *_entries(metadata or {}), *curve, f'    secret-key = "{secret_key}"']
    public_file.write_text(_PUBLIC.format(now) + _lines(["metadata", *curve]), encoding="utf-8")
    secret_file.unlink(missing_ok=True)  # a file that is there may be open to others, and stay so
    with open(secret_file, "w", encoding="utf-8", opener=_for_owner) as file:
        file.write(_SECRET.format(now) + _lines(body))
    return str(public_file), str(secret_file)


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_EXCL, _OWNER_ONLY)


def _entries(metadata: Mapping[str, str]) -> Iterable[str]:
    for name, value in metadata.items():
        entry = f"{name} = {value}"
        if len(entry.splitlines()) != 1:
            raise ValueError(f"the metadata {name!r} has a line break")
        yield f"    {entry}"


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def load_certificate(filename: PathLike) -> tuple[bytes, bytes | None]:
    """Read a certificate.

    Args:
        filename: a public or a secret file.

    Returns:
        The public key, and the secret key or None if the file has none. Each is 40 characters of Z85.

    Raises:
        OSError: the file cannot be read.
        ValueError: there is no public key in it, or what stands for a key is none.
    """
    keys: dict[bytes, bytes] = {}
    for line in Path(filename).read_bytes().splitlines():
        name, equals, value = line.strip().partition(b"=")
        name = name.strip()
        if equals and name in {b"public-key", b"secret-key"}:
            keys.setdefault(name, _key(filename, name, value.strip(b" \t'\"")))
    if b"public-key" not in keys:
        raise ValueError(f"there is no public key in {os.fspath(filename)}")
    return keys[b"public-key"], keys.get(b"secret-key")


def _key(filename: PathLike, name: bytes, value: bytes) -> bytes:
    try:
        size = len(z85.decode(value))
    except ValueError as error:
        raise ValueError(f"the {name.decode()} in {os.fspath(filename)} is none: {error}") from None
    if size != KEY_SIZE:
        raise ValueError(f"the {name.decode()} in {os.fspath(filename)} has {size} octets, not {KEY_SIZE}")
    return value


def load_certificates(directory: PathLike = ".") -> dict[bytes, bool]:
    """Read the public keys of all `.key` files of a folder.

    Returns:
        A dictionary with the keys, 40 characters of Z85 each, and True for every one.

    Raises:
        OSError: there is no such folder, or a file in it cannot be read.
        ValueError: a file is no certificate.
    """
    if not os.path.isdir(directory):
        raise OSError(f"there is no folder of certificates at {os.fspath(directory)}")
    return {load_certificate(path)[0]: True for path in sorted(Path(directory).glob("*.key"))}
