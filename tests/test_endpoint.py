"""Addresses taken apart and put together, held against what libzmq makes of them."""

from __future__ import annotations

import errno
import os

import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st

from aiomq.endpoint import (
    INPROC_MAX_LEN,
    IPC_PATH_MAX_LEN,
    Endpoint,
    InprocEndpoint,
    IpcEndpoint,
    TcpEndpoint,
    format_tcp,
    parse,
)
from aiomq.errors import ZMQError

EITHER = {
    "tcp://127.0.0.1:5555": TcpEndpoint("127.0.0.1", 5555),
    "tcp://localhost:65535": TcpEndpoint("localhost", 65535),
    "tcp://a-b_c.example.:1": TcpEndpoint("a-b_c.example.", 1),
    "tcp://bücher.example:80": TcpEndpoint("bücher.example", 80),
    "tcp://127.0.0.1:00005": TcpEndpoint("127.0.0.1", 5),
    "tcp://[127.0.0.1]:5": TcpEndpoint("127.0.0.1", 5),
    "tcp://[::1]:5555": TcpEndpoint("::1", 5555),
    "tcp://::1:5555": TcpEndpoint("::1", 5555),
    "tcp://[::ffff:10.0.0.1]:9": TcpEndpoint("::ffff:10.0.0.1", 9),
    "tcp://[fe80::1%eth0]:9": TcpEndpoint("fe80::1", 9, zone="eth0"),
    "tcp://fe80::1%3:9": TcpEndpoint("fe80::1", 9, zone="3"),
    "ipc:///tmp/feed": IpcEndpoint("/tmp/feed"),
    "ipc://feed.sock": IpcEndpoint("feed.sock"),
    "ipc://@feed": IpcEndpoint("feed", abstract=True),
    "inproc://feed": InprocEndpoint("feed"),
    "inproc://*": InprocEndpoint("*"),
    "inproc:// a://b ": InprocEndpoint(" a://b "),
}

BIND_ONLY = {
    "tcp://*:5555": TcpEndpoint("*", 5555),
    "tcp://[*]:5555": TcpEndpoint("*", 5555),
    "tcp://*:*": TcpEndpoint("*", 0),
    "tcp://eth0.100:0": TcpEndpoint("eth0.100", 0),
    "tcp://127.0.0.1:*": TcpEndpoint("127.0.0.1", 0),
    "tcp://[::]:0": TcpEndpoint("::", 0),
    "ipc://*": IpcEndpoint("", wildcard=True),
}

CONNECT_ONLY = {
    "tcp://10.0.0.1:4000;10.0.0.2:5555": TcpEndpoint("10.0.0.2", 5555, ("10.0.0.1", 4000)),
    "tcp://eth0:0;feed:5555": TcpEndpoint("feed", 5555, ("eth0", 0)),
    "tcp://*:*;feed:5555": TcpEndpoint("feed", 5555, ("*", 0)),
    "tcp://10.0.0.1;feed:5555": TcpEndpoint("feed", 5555, ("10.0.0.1", 0)),
    "tcp://[fe80::1%eth0];[fe80::2%eth0]:5": TcpEndpoint("fe80::2", 5, ("fe80::1%eth0", 0), "eth0"),
}

MALFORMED = [
    "",
    "tcp",
    "tcp:/127.0.0.1:5",
    "://127.0.0.1:5",
    "tcp://",
    "tcp://127.0.0.1",
    "tcp://127.0.0.1:",
    "tcp://127.0.0.1:http",
    "ipc://",
    "ipc://@",
    "inproc://",
]
"""What libzmq refuses with EINVAL too, to bind and to connect."""

LENIENT_IN_LIBZMQ = [
    "tcp://127.0.0.1:5/path",
    "tcp://127.0.0.1:+5",
    "tcp://127.0.0.1:0x10",
    "tcp://127.0.0.1:-1",
    "tcp://127.0.0.1:65536",
    "tcp://127.0.0.1:70000",
    "tcp://127.0.0.1: 7",
    "tcp://127.0.0.1:7 ",
    "tcp://127.0.0.1:\u0665",
    "tcp://127.0.0.1:" + "9" * 5000,
    "tcp://:5",
    "tcp://[]:5",
    "tcp:// host:5",
    "tcp://ho st:5",
    "tcp://ho\nst:5",
    "tcp://host\0:5",
    "tcp://host:5\0",
    "tcp://-host:5",
    "tcp://[::1:5",
    "tcp://::1]:5",
    "tcp://]:5",
    "tcp://[:5",
    "tcp://[::1]",
    "tcp://1:2:3:4",
    "tcp://[::g]:5",
    "tcp://[::1%]:5",
    "tcp://[::1%a%b]:5",
    "tcp://127.0.0.1%eth0:5",
    "tcp://*%eth0:5",
    "ipc:///tmp/\0",
    "ipc:///tmp/\ud800",
    "inproc://a\0b",
]
"""What libzmq cuts short, wraps around, or finds out about when it is too late to say so."""


def text_of_error(address: str | bytes, *, for_bind: bool, number: int, ipv6: bool = True) -> str:
    with pytest.raises(ZMQError) as caught:
        parse(address, for_bind=for_bind, ipv6=ipv6)
    assert caught.value.errno == number
    return str(caught.value)


@pytest.mark.parametrize("for_bind", [True, False])
@pytest.mark.parametrize(("address", "endpoint"), EITHER.items())
def test_parse_address_gives_its_parts(address: str, endpoint: Endpoint, for_bind: bool) -> None:
    assert parse(address, for_bind=for_bind, ipv6=True) == endpoint
    assert parse(address.encode(), for_bind=for_bind, ipv6=True) == endpoint


@pytest.mark.parametrize(("address", "endpoint"), BIND_ONLY.items())
def test_parse_wildcard_is_for_bind_alone(address: str, endpoint: Endpoint) -> None:
    assert parse(address, for_bind=True, ipv6=True) == endpoint
    assert "cannot connect to" in text_of_error(address, for_bind=False, number=errno.EINVAL)


@pytest.mark.parametrize(("address", "endpoint"), CONNECT_ONLY.items())
def test_parse_source_address_is_for_connect_alone(address: str, endpoint: Endpoint) -> None:
    assert parse(address, for_bind=False, ipv6=True) == endpoint
    assert "is for connect alone" in text_of_error(address, for_bind=True, number=errno.EINVAL)


@pytest.mark.parametrize("for_bind", [True, False])
@pytest.mark.parametrize("address", MALFORMED + LENIENT_IN_LIBZMQ)
def test_parse_malformed_address_says_so_and_shows_a_right_one(address: str, for_bind: bool) -> None:
    text = text_of_error(address, for_bind=for_bind, number=errno.EINVAL)

    example = text.rpartition("looks like ")[2]
    assert parse(example, for_bind=for_bind).scheme == example.partition(":")[0]
    assert len(text) < 400


@pytest.mark.parametrize(
    "address",
    ["tcp://a;b;c:5", "tcp://;127.0.0.1:5", "tcp://127.0.0.1:5;", "tcp://a:x;b:5", "tcp://a:0;b:0", "tcp://[a;b:5"],
)
def test_parse_malformed_source_is_refused(address: str) -> None:
    text_of_error(address, for_bind=False, number=errno.EINVAL)


@pytest.mark.parametrize("kind", ["bind", "connect"])
@pytest.mark.parametrize("address", MALFORMED)
def test_malformed_address_is_refused_by_libzmq_too(address: str, kind: str) -> None:
    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        with pytest.raises(zmq.ZMQError) as caught:
            getattr(socket, kind)(address)
        assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize("address", ["foo://x", "TCP://127.0.0.1:5", "http://127.0.0.1:5", "pgm://x", "vmci://1:1"])
def test_unknown_scheme_is_refused_as_by_libzmq(address: str) -> None:
    with zmq.Context() as context, context.socket(zmq.PUSH) as socket, pytest.raises(zmq.ZMQError) as caught:
        socket.connect(address)

    assert caught.value.errno == errno.EPROTONOSUPPORT
    assert address in text_of_error(address, for_bind=False, number=errno.EPROTONOSUPPORT)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("foo://x", "there is no 'foo' transport, only inproc, ipc, tcp"),
        ("TCP://127.0.0.1:5", "lower case: tcp"),
        ("ws://127.0.0.1:5", "this version has no ws transport"),
        ("epgm://eth0;239.192.1.1:5", "this version has no epgm transport"),
        ("vmci://1:1", "this version has no vmci transport"),
    ],
)
def test_parse_unknown_scheme_names_those_there_are(address: str, words: str) -> None:
    assert words in text_of_error(address, for_bind=True, number=errno.EPROTONOSUPPORT)


@pytest.mark.parametrize("for_bind", [True, False])
@pytest.mark.parametrize("address", ["tcp://[::1]:5", "tcp://::1:5", "tcp://[fe80::1%eth0]:5"])
def test_parse_ipv6_address_needs_the_option(address: str, for_bind: bool) -> None:
    assert "IPV6" in text_of_error(address, for_bind=for_bind, number=errno.ENODEV, ipv6=False)


def test_parse_ipv6_source_needs_the_option() -> None:
    assert "IPV6" in text_of_error("tcp://[::1]:0;host:5", for_bind=False, number=errno.ENODEV, ipv6=False)


def test_libzmq_refuses_ipv6_bind_without_the_option_with_the_same_number() -> None:
    with zmq.Context() as context, context.socket(zmq.PUSH) as socket, pytest.raises(zmq.ZMQError) as caught:
        socket.bind("tcp://[::1]:0")

    assert caught.value.errno == errno.ENODEV


@pytest.mark.parametrize("prefix", ["/", "@", "\u00e9"])
def test_parse_ipc_path_is_limited_in_bytes(prefix: str) -> None:
    longest = prefix + "x" * (IPC_PATH_MAX_LEN - len(os.fsencode(prefix)))

    assert str(parse(f"ipc://{longest}", for_bind=False)) == f"ipc://{longest}"
    assert str(IPC_PATH_MAX_LEN) in text_of_error(f"ipc://{longest}x", for_bind=True, number=errno.ENAMETOOLONG)


def test_parse_ipc_path_limit_is_that_of_the_system_at_hand() -> None:
    with pytest.raises(ZMQError, match="5 bytes, the system allows 4"):
        parse("ipc://12345", for_bind=True, ipc_path_max=4)


def test_ipc_path_limit_is_that_of_libzmq() -> None:
    assert IPC_PATH_MAX_LEN == zmq.IPC_PATH_MAX_LEN


def test_parse_inproc_name_is_limited() -> None:
    longest = "inproc://".ljust(INPROC_MAX_LEN, "x")

    assert str(parse(longest, for_bind=True)) == longest
    assert "257" in text_of_error(longest + "x", for_bind=True, number=errno.ENAMETOOLONG)


def test_parse_bytes_not_utf8_is_refused() -> None:
    assert "UTF-8" in text_of_error(b"inproc://\xff", for_bind=True, number=errno.EINVAL)


@pytest.mark.parametrize("address", [None, 5, bytearray(b"inproc://x")])
def test_parse_other_type_is_a_type_error(address: object) -> None:
    with pytest.raises(TypeError, match="an address is str or bytes"):
        parse(address, for_bind=True)  # type: ignore[arg-type]  # what is tested


@pytest.mark.parametrize(
    ("endpoint", "text"),
    [
        (TcpEndpoint("*", 0), "tcp://*:0"),
        (TcpEndpoint("::1", 5), "tcp://[::1]:5"),
        (TcpEndpoint("fe80::1", 5, zone="eth0"), "tcp://[fe80::1%eth0]:5"),
        (TcpEndpoint("h", 5, ("::1", 0)), "tcp://[::1]:0;h:5"),
        (IpcEndpoint("", wildcard=True), "ipc://*"),
        (IpcEndpoint("x", abstract=True), "ipc://@x"),
        (InprocEndpoint("x"), "inproc://x"),
    ],
)
def test_endpoint_text_is_its_address(endpoint: Endpoint, text: str) -> None:
    assert str(endpoint) == text


def test_endpoint_knows_whether_it_means_every_interface() -> None:
    assert TcpEndpoint("*", 0).is_wildcard
    assert not TcpEndpoint("0.0.0.0", 0).is_wildcard


@pytest.mark.parametrize(
    ("host", "text"), [("127.0.0.1", "tcp://127.0.0.1:5"), ("::", "tcp://[::]:5"), ("fe80::1%2", "tcp://[fe80::1%2]:5")]
)
def test_format_tcp_brackets_ipv6(host: str, text: str) -> None:
    assert format_tcp(host, 5) == text


def test_last_endpoint_of_libzmq_is_read_and_written_alike() -> None:
    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        socket.bind("tcp://127.0.0.1:0")
        last = socket.get_string(zmq.LAST_ENDPOINT)

    endpoint = parse(last, for_bind=False)
    assert isinstance(endpoint, TcpEndpoint)
    assert format_tcp(endpoint.host, endpoint.port) == last


# -- whatever comes ----------------------------------------------------------------------------------------------------

REFUSALS = {errno.EINVAL, errno.EPROTONOSUPPORT, errno.ENAMETOOLONG, errno.ENODEV}
SCHEMES = ["tcp://", "ipc://", "inproc://", "ws://"]
PIECES = [
    ":",
    ";",
    "[",
    "]",
    "%",
    "@",
    "*",
    "/",
    ".",
    "-",
    "::1",
    "127.0.0.1",
    "eth0",
    "5555",
    "70000",
    "\0",
    "\n",
    "é",
]
ADDRESSES = st.one_of(
    st.text(st.characters(), max_size=40),
    st.builds(str.__add__, st.sampled_from(SCHEMES), st.lists(st.sampled_from(PIECES), max_size=8).map("".join)),
    st.builds(lambda rest: f"tcp://{rest}", st.text("0123456789abc:.[]%;*-_", max_size=30)),
)


@given(address=ADDRESSES, for_bind=st.booleans(), ipv6=st.booleans())
def test_parse_anything_gives_an_endpoint_that_reads_back_or_a_zmq_error(
    address: str, for_bind: bool, ipv6: bool
) -> None:
    try:
        endpoint = parse(address, for_bind=for_bind, ipv6=ipv6)
    except ZMQError as exc:
        assert exc.errno in REFUSALS  # noqa: PT017  # one of the two outcomes
    else:
        assert parse(str(endpoint), for_bind=for_bind, ipv6=ipv6) == endpoint


@given(address=st.binary(max_size=40), for_bind=st.booleans())
def test_parse_any_bytes_gives_an_endpoint_or_a_zmq_error(address: bytes, for_bind: bool) -> None:
    try:
        endpoint = parse(b"tcp://" + address, for_bind=for_bind)
    except ZMQError as exc:
        assert exc.errno in {errno.EINVAL, errno.ENODEV}  # noqa: PT017  # as above
    else:
        assert isinstance(endpoint, TcpEndpoint)


@given(host=st.ip_addresses(), port=st.integers(1, 65535))
def test_parse_every_ip_address_is_its_own(host: object, port: int) -> None:
    text = format_tcp(str(host), port)

    assert parse(text, for_bind=True, ipv6=True) == TcpEndpoint(str(host), port)
    assert str(parse(text, for_bind=True, ipv6=True)) == text
