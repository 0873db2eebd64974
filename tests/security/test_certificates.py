"""Keys in files, for both libraries to read, and keys as text (RFC 32)."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import zmq
import zmq.auth
import zmq.utils.z85
from hypothesis import given
from hypothesis import strategies as st

from aiomq import ZMQError, crypto, z85
from aiomq.auth import create_certificates, curve_keypair, curve_public, load_certificate, load_certificates


def test_certificates_are_read_as_they_were_written(tmp_path: Path) -> None:
    public, secret = create_certificates(tmp_path, "server", {"name": "the server"})

    assert load_certificate(public) == (load_certificate(secret)[0], None)
    public_key, secret_key = load_certificate(secret)
    assert secret_key is not None
    assert curve_public(secret_key) == public_key
    assert "name = the server" in Path(secret).read_text()


def test_certificates_are_read_by_pyzmq(tmp_path: Path) -> None:
    for path in create_certificates(tmp_path, "server"):
        assert zmq.auth.load_certificate(path) == load_certificate(path)


def test_certificates_of_pyzmq_are_read(tmp_path: Path) -> None:
    for path in zmq.auth.create_certificates(tmp_path, "server", {"name": "x"}):
        assert load_certificate(path) == zmq.auth.load_certificate(path)


def test_secret_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "server.key_secret").touch(0o666)

    _, secret = create_certificates(tmp_path, "server")

    assert stat.S_IMODE(Path(secret).stat().st_mode) == 0o600


def test_folder_gives_the_public_keys_of_its_key_files(tmp_path: Path) -> None:
    paths = [create_certificates(tmp_path, name)[0] for name in ("one", "two")]
    (tmp_path / "notes.txt").write_text("no certificate")

    assert load_certificates(tmp_path) == {load_certificate(path)[0]: True for path in paths}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no public key"),
        ('# public-key = "x"', "no public key"),
        ('curve\n public-key = "abc"', "multiple of 5"),
        ('curve\n public-key = "HelloWorld"', "8 octets, not 32"),
        ('curve\n public-key = "' + "~" * 40 + '"', "not one of Z85"),
    ],
)
def test_file_that_is_no_certificate_is_refused(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.key"
    path.write_text(text)

    with pytest.raises(ValueError, match=complaint):
        load_certificate(path)
    with pytest.raises(ValueError, match=complaint):
        load_certificates(tmp_path)


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="none"):
        load_certificate(tmp_path / "none.key")
    with pytest.raises(OSError, match="no folder"):
        load_certificates(tmp_path / "none")


def test_metadata_with_a_line_break_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="line break"):
        create_certificates(tmp_path, "server", {"name": 'x\n    secret-key = "forged"'})

    assert not list(tmp_path.iterdir())


# -- keys -------------------------------------------------------------------------------------------------------------


def test_pair_of_keys_is_one_to_libzmq() -> None:
    public_key, secret_key = curve_keypair()

    assert zmq.curve_public(secret_key) == curve_public(secret_key) == curve_public(secret_key.decode()) == public_key
    assert curve_public(z85.decode(secret_key)) == public_key


@pytest.mark.parametrize("value", [b"", b"short", b"x" * 39, b"~" * 40])
def test_key_that_is_none_is_refused_and_not_repeated(value: bytes) -> None:
    with pytest.raises(ZMQError, match="takes a key") as refused:
        curve_public(value)

    assert repr(value)[2:-1] not in str(refused.value) or not value


def test_lack_of_cryptography_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crypto, "is_available", lambda: False)

    with pytest.raises(ZMQError, match=r"aiozeromq\[curve\]"):
        curve_keypair()
    with pytest.raises(ZMQError, match=r"aiozeromq\[curve\]"):
        curve_public(bytes(32))


# -- Z85 --------------------------------------------------------------------------------------------------------------


def test_text_of_the_rfc_is_encoded_and_decoded() -> None:
    assert z85.encode(bytes.fromhex("864fd26fb559f75b")) == b"HelloWorld"
    assert z85.decode("HelloWorld") == z85.decode(b"HelloWorld") == bytes.fromhex("864fd26fb559f75b")
    assert z85.encode(b"") == z85.decode(b"") == b""


@given(st.binary(max_size=64).map(lambda data: data[: len(data) // 4 * 4]))
def test_octets_come_out_as_they_went_in(data: bytes) -> None:
    assert z85.encode(data) == zmq.utils.z85.encode(data)
    assert z85.decode(z85.encode(data)) == data


@pytest.mark.parametrize("value", [b"abc", "hell\xf6", b"hell~", "     ", "%nSc1", "#####"])
def test_text_that_is_none_is_refused(value: bytes | str) -> None:
    with pytest.raises(ValueError, match=r"Z85|four octets"):
        z85.decode(value)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_octets_that_are_no_multiple_of_four_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="multiple of 4"):
        z85.encode(bytes(size))
