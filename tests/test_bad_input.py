"""What a user gets wrong raises at the call, and the text says what was wrong and what is accepted."""

from __future__ import annotations

import asyncio
import errno
import re
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

import aiomq
from aiomq import Event
from tests.transports.scripted import BOUND, until

Verb = Callable[[aiomq.Socket], Any]
AsyncVerb = Callable[[aiomq.Socket], Awaitable[Any]]


async def works(context: aiomq.Context, sock: aiomq.Socket) -> None:
    """Check that a PULL is as good as ever."""
    with context.socket(aiomq.PUSH, linger=0) as push:
        sock.bind("tcp://127.0.0.1:*")
        push.connect(sock.last_endpoint)
        await push.send(b"fine")
        assert await sock.recv() == b"fine"


# -- addresses --------------------------------------------------------------------------------------------------------

MALFORMED: Final = [
    ("", "it has no scheme"),
    ("127.0.0.1:5555", "it has no scheme"),
    ("://127.0.0.1:5555", "it has no scheme"),
    ("tcp:/127.0.0.1:5555", "it has no scheme"),
    ("tcp://", "there is nothing behind tcp://"),
    ("tcp://127.0.0.1", "it has no port"),
    ("tcp://127.0.0.1:", "its port is ''"),
    ("tcp://127.0.0.1:port", "its port is 'port'"),
    ("tcp://127.0.0.1:65536", "its port is '65536', not a number from [01] to 65535"),
    ("tcp://127.0.0.1:-1", "its port is '-1'"),
    ("tcp://127.0.0.1:5555/path", "tcp addresses end with the port and have no path"),
    ("tcp://:5555", "it has no host"),
    ("tcp://[::1:5555", "its brackets do not match"),
    ("tcp://a host:5555", "'a host' is no host name and no address"),
    ("tcp://127.0.0.1:5555\0", "it contains a NUL character"),
    ("ipc://", "there is nothing behind ipc://"),
    ("ipc://@", "there is no name behind '@'"),
    ("inproc://", "there is nothing behind inproc://"),
]


@pytest.mark.parametrize(("address", "complaint"), MALFORMED)
async def test_a_malformed_address_says_what_is_wrong_and_how_a_right_one_looks(
    context: aiomq.Context, address: str, complaint: str
) -> None:
    with context.socket(aiomq.PULL) as pull:
        for verb, words in ((pull.bind, "cannot bind"), (pull.connect, "cannot connect to")):
            with pytest.raises(aiomq.ZMQError, match=complaint) as refused:
                verb(address)
            assert refused.value.errno == errno.EINVAL
            assert str(refused.value).startswith(words)
            assert re.search(r"an address looks like (tcp|ipc|inproc)://\S+$", str(refused.value))
        assert repr(pull) == "<aiomq.Socket PULL bound=[] connected=[] peers=0 queued out=0 in=0>"
        await works(context, pull)


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("http://127.0.0.1:80", "there is no 'http' transport, only "),
        ("TCP://127.0.0.1:80", "schemes are written in lower case: tcp"),
        ("vmci://1:2", "this version has no vmci transport, only "),
    ],
)
async def test_an_unknown_scheme_says_which_there_are(context: aiomq.Context, address: str, complaint: str) -> None:
    with context.socket(aiomq.PULL) as pull:
        for verb in (pull.bind, pull.connect):
            with pytest.raises(aiomq.ZMQError, match=complaint) as refused:
                verb(address)
            assert refused.value.errno == errno.EPROTONOSUPPORT


@pytest.mark.parametrize("address", [5555, None, ["tcp://127.0.0.1:5555"]])
async def test_an_address_that_is_no_text_is_a_type_error(context: aiomq.Context, address: Any) -> None:
    with context.socket(aiomq.PULL) as pull:
        for verb in (pull.bind, pull.connect):
            with pytest.raises(TypeError, match="an address is str or bytes, not"):
                verb(address)


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("tcp://*:5555", "'\\*' is for bind alone, a connect needs to know its host"),
        ("tcp://127.0.0.1:0", "a connect needs to know its port, from 1 to 65535"),
        ("tcp://127.0.0.1:*", "a port of '\\*' is for bind alone"),
        ("ipc://*", "'\\*' is for bind alone, a connect needs to know its path"),
    ],
)
async def test_a_wildcard_cannot_be_connected_to(context: aiomq.Context, address: str, complaint: str) -> None:
    with context.socket(aiomq.PULL) as pull, pytest.raises(aiomq.ZMQError, match=complaint) as refused:
        pull.connect(address)
    assert refused.value.errno == errno.EINVAL


async def test_a_source_address_cannot_be_bound(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL) as pull, pytest.raises(aiomq.ZMQError, match="is for connect alone") as refused:
        pull.bind("tcp://127.0.0.1:0;127.0.0.1:5555")
    assert refused.value.errno == errno.EINVAL


# -- what the system refuses ------------------------------------------------------------------------------------------


async def test_a_port_in_use_is_named(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL) as first, context.socket(aiomq.PULL) as second:
        first.bind("tcp://127.0.0.1:*")
        taken = re.escape(first.last_endpoint)
        with pytest.raises(aiomq.ZMQBindError, match=f"cannot bind {taken}: Address already in use") as refused:
            second.bind(first.last_endpoint)
        assert refused.value.errno == errno.EADDRINUSE
        await works(context, second)


async def test_an_inproc_name_in_use_is_named(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL) as first, context.socket(aiomq.PULL) as second:
        first.bind("inproc://taken")
        with pytest.raises(
            aiomq.ZMQError, match="inproc://taken is bound by another socket of this context"
        ) as refused:
            second.bind("inproc://taken")
        assert refused.value.errno == errno.EADDRINUSE


@pytest.mark.parametrize(
    ("host", "number", "complaint"),
    [
        ("192.0.2.1", errno.EADDRNOTAVAIL, "Cannot assign requested address"),
        ("no-such-host.invalid", errno.ENODEV, "no interface or address is called 'no-such-host.invalid'"),
        ("x" * 64, errno.ENODEV, "no interface or address is called"),
    ],
)
async def test_an_address_of_nobody_cannot_be_bound(
    context: aiomq.Context, host: str, number: int, complaint: str
) -> None:
    with context.socket(aiomq.PULL) as pull, pull.monitor() as events:
        with pytest.raises(aiomq.ZMQBindError, match=complaint) as refused:
            pull.bind(f"tcp://{host}:5555")
        assert refused.value.errno == number
        failed = await until(events, Event.BIND_FAILED)
        assert (failed.endpoint, failed.value) == (f"tcp://{host}:5555", number)
        await works(context, pull)


async def test_a_host_that_cannot_be_resolved_is_tried_again_and_told_to_the_monitor(
    context: aiomq.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with context.socket(aiomq.PUSH, linger=0, reconnect_ivl=1) as push, push.monitor() as events:
        push.connect("tcp://no-such-host.invalid:5555")
        await push.send(b"patient")
        for _ in range(2):
            failed = await until(events, Event.CONNECT_RETRIED)
            assert "Name or service not known" in str(failed)
            assert failed.endpoint == "tcp://no-such-host.invalid:5555"


@pytest.mark.parametrize(("low", "high"), [(0, 10), (10, 10), (20, 10), (1, 70_000)])
async def test_a_range_of_ports_that_is_none_is_refused(context: aiomq.Context, low: int, high: int) -> None:
    with (
        context.socket(aiomq.PULL) as pull,
        pytest.raises(aiomq.ZMQError, match="ports are from 1 to 65535") as refused,
    ):
        pull.bind_to_random_port("tcp://127.0.0.1", low, high)
    assert refused.value.errno == errno.EINVAL


# -- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("sndhwm", -1, "SNDHWM takes an integer from 0 to 2147483647 \\(messages\\): -1 is out of range"),
        ("linger", -2, "LINGER takes an integer from -1 to 2147483647 \\(milliseconds\\): -2 is out of range"),
        ("maxmsgsize", 2**63, "MAXMSGSIZE takes an integer from -1 to"),
        ("immediate", 2, "IMMEDIATE takes 0 or 1 \\(False or True\\): 2 is out of range"),
        ("tcp_keepalive", 2, "TCP_KEEPALIVE takes an integer from -1 to 1"),
        ("routing_id", b"", "ROUTING_ID takes 1 to 255 bytes, got 0"),
        ("routing_id", b"x" * 256, "ROUTING_ID takes 1 to 255 bytes, got 256"),
        ("heartbeat_ttl", 6_553_600, "HEARTBEAT_TTL takes an integer from 0 to 6553599"),
        ("subscribe", b"x", "SUBSCRIBE is an option of PUB, SUB, XPUB sockets, a PULL has it not"),
        ("xpub_verbose", 1, "XPUB_VERBOSE is an option of PUB, XPUB sockets, a PULL has it not"),
        ("type", 1, "TYPE is read-only"),
        ("linger_ms", 1, "there is no socket option named 'linger_ms': did you mean linger"),
        (99_999, 1, "there is no socket option with number 99999: aiomq.SocketOption lists them"),
    ],
)
async def test_a_wrong_option_or_value_says_what_is_accepted(
    context: aiomq.Context, name: str | int, value: object, complaint: str
) -> None:
    with context.socket(aiomq.PULL) as pull:
        with pytest.raises(aiomq.ZMQError, match=complaint) as refused:
            pull.set(name, value)
        assert refused.value.errno == errno.EINVAL
        await works(context, pull)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("sndhwm", "many", "SNDHWM takes an integer from 0 to 2147483647 \\(messages\\), not 'many'"),
        ("sndhwm", 1.5, "SNDHWM takes an integer .* not 1.5"),
        ("sndhwm", None, "SNDHWM takes an integer .* not None"),
        ("routing_id", "text", "ROUTING_ID takes 1 to 255 bytes, not 'text': encode it first"),
        ("routing_id", 5, "ROUTING_ID takes 1 to 255 bytes, not 5"),
        (3.5, 1, "an option is a SocketOption, its number or its name, not 3.5"),
    ],
)
async def test_a_value_of_the_wrong_type_is_a_type_error(
    context: aiomq.Context, name: Any, value: object, complaint: str
) -> None:
    with context.socket(aiomq.PULL) as pull, pytest.raises(TypeError, match=complaint):
        pull.set(name, value)


async def test_a_refused_value_leaves_the_old_one(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL, rcvhwm=7) as pull:
        with pytest.raises(aiomq.ZMQError):
            pull.rcvhwm = -1
        assert pull.rcvhwm == 7


async def test_a_misspelt_attribute_says_what_was_meant(context: aiomq.Context, capsys: Any) -> None:
    """Python says so where it prints the error, as of any object; what is set it prints so from 3.13 on."""
    misspelt: list[tuple[Verb, str]] = [
        (lambda pull: pull.lingr, "Did you mean: 'linger'"),  # type: ignore[attr-defined]
        (lambda pull: pull.recv_jsn, "Did you mean: 'recv_json'"),  # type: ignore[attr-defined]
        (lambda pull: pull.recvstring, "Did you mean: 'recv_string'"),  # type: ignore[attr-defined]
        (lambda pull: pull.RCVTIMEO, "no option or attribute 'RCVTIMEO': did you mean rcvtimeo?"),  # type: ignore[attr-defined]
        (lambda pull: pull.FD, "FD (option 14) is refused"),  # type: ignore[attr-defined]
        (lambda pull: pull.fd, "FD (option 14) is refused"),  # type: ignore[attr-defined]
    ]
    with context.socket(aiomq.PULL) as pull:
        for verb, text in misspelt:
            with pytest.raises(AttributeError) as caught:
                verb(pull)
            sys.__excepthook__(caught.type, caught.value, caught.tb)
            assert text in capsys.readouterr().err


async def test_a_misspelt_attribute_cannot_be_set(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL) as pull:
        with pytest.raises(AttributeError, match="'Socket' object has no attribute 'lingr'"):
            pull.lingr = 0  # type: ignore[attr-defined]
        with pytest.raises(AttributeError, match="no option or attribute 'RCVTIMEO': did you mean rcvtimeo"):
            pull.RCVTIMEO = 0  # type: ignore[attr-defined]
        with pytest.raises(AttributeError, match=r"FD \(option 14\) is refused"):
            pull.fd = 1  # type: ignore[attr-defined]
        assert not hasattr(pull, "__dict__")


async def test_names_that_are_refused_are_not_listed(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL) as pull:
        listed = set(dir(pull))
        assert {"linger", "recv", "peers", "on_mute", "last_endpoint"} <= listed
        assert not {"fd", "FD", "RCVTIMEO", "LINGER", "blocky"} & listed
        assert not hasattr(pull, "fd")


def test_socket_has_no_hook_for_names_which_would_slow_all_others() -> None:
    for each in aiomq.Socket.__mro__[:-1]:
        assert not {"__getattr__", "__getattribute__", "__setattr__"} & vars(each).keys(), each


async def test_a_wrong_option_of_a_new_socket_makes_none(context: aiomq.Context) -> None:
    with pytest.raises(aiomq.ZMQError, match="there is no socket option named 'hvm'"):
        context.socket(aiomq.PULL, hvm=1)
    with pytest.raises(aiomq.ZMQError, match="RCVHWM takes"):
        context.socket(aiomq.PULL, rcvhwm=-1)
    assert "sockets=0" in repr(context)


@pytest.mark.parametrize("socket_type", [-1, 99, 4.5, "PULL", None])
async def test_an_unknown_type_of_socket_says_which_there_are(context: aiomq.Context, socket_type: Any) -> None:
    with pytest.raises(aiomq.ZMQError, match=r"is no type of socket that can be made: there are .*PUSH") as refused:
        context.socket(socket_type)
    assert refused.value.errno == errno.EINVAL


# -- the wrong verb ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["PULL", "SUB"])
async def test_a_type_that_cannot_send_says_so(context: aiomq.Context, name: str) -> None:
    with context.socket(getattr(aiomq, name)) as sock:
        for refuse in (sock.send(b"x"), sock.send_multipart([b"x"]), sock.send_many([b"x"])):
            with pytest.raises(aiomq.ZMQError, match=f"a {name} socket cannot send") as refused:
                await refuse
            assert refused.value.errno == errno.ENOTSUP
        with pytest.raises(aiomq.ZMQError, match=f"a {name} socket cannot send"):
            sock.send_nowait(b"x")


@pytest.mark.parametrize("name", ["PUSH", "PUB"])
async def test_a_type_that_cannot_receive_says_so(context: aiomq.Context, name: str) -> None:
    with context.socket(getattr(aiomq, name)) as sock:
        for refuse in (sock.recv(), sock.recv_multipart(), sock.recv_many()):
            with pytest.raises(aiomq.ZMQError, match=f"a {name} socket cannot receive") as refused:
                await refuse
            assert refused.value.errno == errno.ENOTSUP
        with pytest.raises(aiomq.ZMQError, match=f"a {name} socket cannot receive"):
            sock.recv_nowait()


async def test_out_of_turn_says_what_to_do(context: aiomq.Context) -> None:
    with context.socket(aiomq.REQ) as req, context.socket(aiomq.REP) as rep:
        rep.bind("inproc://turns")
        req.connect("inproc://turns")
        with pytest.raises(aiomq.ZMQError, match="before it sent a request: send first") as refused:
            await req.recv()
        assert refused.value.errno == aiomq.EFSM
        with pytest.raises(aiomq.ZMQError, match="before it received a request: receive first"):
            await rep.send(b"answer")
        await req.send(b"question")
        with pytest.raises(aiomq.ZMQError, match="receive, or set both REQ_RELAXED and REQ_CORRELATE"):
            await req.send(b"question")
        await rep.recv()
        with pytest.raises(aiomq.ZMQError, match="before it replied: send the reply first"):
            await rep.recv()


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (lambda sock: sock.send("text"), "a frame is bytes, not str: use send_string"),
        (lambda sock: sock.send(5), "a frame is bytes or has the buffer interface, not int"),
        (lambda sock: sock.send(None), "a frame is bytes or has the buffer interface, not NoneType"),
        (lambda sock: sock.send_multipart(b"bytes"), "send_multipart takes a sequence of frames, not one bytes"),
        (lambda sock: sock.send_multipart([b"x", "y"]), "a message is a sequence of frames: a frame is bytes, not str"),
        (lambda sock: sock.send_multipart(5), "a message is a sequence of frames"),
        (lambda sock: sock.send_string(b"bytes"), "send_string takes a str, not bytes: use send for bytes"),
        (lambda sock: sock.send_many([["x"]]), "a message is a sequence of frames"),
    ],
)
async def test_a_message_of_the_wrong_type_is_a_type_error(
    context: aiomq.Context, wrong: AsyncVerb, complaint: str
) -> None:
    with context.socket(aiomq.PUSH) as push, context.socket(aiomq.PULL) as pull:
        pull.bind("inproc://types")
        push.connect("inproc://types")
        with pytest.raises(TypeError, match=complaint):
            await wrong(push)
        await push.send(b"fine")
        assert await pull.recv_multipart() == [b"fine"]


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (lambda sock: sock.send_multipart([]), "a message has at least one frame; to send an empty message"),
        (lambda sock: sock.send(b"x", 64), "send takes the flags DONTWAIT and SNDMORE, not 64"),
        (lambda sock: sock.recv(64), "recv takes the flag DONTWAIT, not 64"),
        (lambda sock: sock.recv_many(0), "max_messages must be 1 or more, not 0"),
    ],
)
async def test_a_wrong_argument_is_refused(context: aiomq.Context, wrong: AsyncVerb, complaint: str) -> None:
    with context.socket(aiomq.PAIR) as pair, pytest.raises(aiomq.ZMQError, match=complaint) as refused:
        await wrong(pair)
    assert refused.value.errno == errno.EINVAL


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("PULL", "SUBSCRIBE is an option of PUB, SUB, XPUB sockets, a PULL has it not"),
        ("PUB", "SUBSCRIBE is for SUB sockets"),
        ("XPUB", "set XPUB_MANUAL"),
    ],
)
async def test_a_subscription_of_the_wrong_type_of_socket_is_refused(
    context: aiomq.Context, name: str, complaint: str
) -> None:
    with context.socket(getattr(aiomq, name)) as sock, pytest.raises(aiomq.ZMQError, match=complaint) as refused:
        sock.subscribe(b"topic")
    assert refused.value.errno == errno.EINVAL


async def test_a_topic_that_is_no_text_is_a_type_error(context: aiomq.Context) -> None:
    with context.socket(aiomq.SUB) as sub, pytest.raises(TypeError, match="a topic is bytes or str, not int"):
        sub.subscribe(5)  # type: ignore[arg-type]  # the mistake


# -- too late ---------------------------------------------------------------------------------------------------------

CALLS: Final[dict[str, Verb]] = {
    "bind": lambda sock: sock.bind("tcp://127.0.0.1:*"),
    "connect": lambda sock: sock.connect("tcp://127.0.0.1:5555"),
    "unbind": lambda sock: sock.unbind("tcp://127.0.0.1:5555"),
    "disconnect": lambda sock: sock.disconnect("tcp://127.0.0.1:5555"),
    "set": lambda sock: sock.set("linger", 0),
    "get": lambda sock: sock.get("linger"),
    "subscribe": lambda sock: sock.subscribe(b""),
    "monitor": lambda sock: sock.monitor(),
    "send_nowait": lambda sock: sock.send_nowait(b"x"),
    "recv_nowait": lambda sock: sock.recv_nowait(),
}
WAITS: Final[dict[str, AsyncVerb]] = {
    "send": lambda sock: sock.send(b"x"),
    "send_multipart": lambda sock: sock.send_multipart([b"x", b"y"]),
    "send_string": lambda sock: sock.send_string("x"),
    "send_many": lambda sock: sock.send_many([b"x"]),
    "recv": lambda sock: sock.recv(),
    "recv_multipart": lambda sock: sock.recv_multipart(),
    "recv_json": lambda sock: sock.recv_json(),
    "recv_many": lambda sock: sock.recv_many(),
    "poll": lambda sock: sock.poll(),
}


async def call_all(sock: aiomq.Socket, check: Callable[[str, aiomq.ZMQError], None]) -> None:
    """Check what each call raises."""
    for name, verb in CALLS.items():
        with pytest.raises(aiomq.ZMQError) as refused:
            verb(sock)
        check(name, refused.value)
    for name, wait in WAITS.items():
        with pytest.raises(aiomq.ZMQError) as refused:
            async with asyncio.timeout(BOUND):
                await wait(sock)
        check(name, refused.value)


async def test_a_closed_socket_says_that_it_is_and_where_it_was_made(context: aiomq.Context) -> None:
    sock = context.socket(aiomq.PAIR)
    await sock.aclose()

    def check(name: str, error: aiomq.ZMQError) -> None:
        assert error.errno == errno.ENOTSOCK, name
        assert re.fullmatch(r"this PAIR socket is closed \(it was made at .*test_bad_input\.py:\d+\)", str(error)), name

    await call_all(sock, check)
    sock.close()
    await sock.aclose()
    assert repr(sock) == "<aiomq.Socket PAIR closed>"


async def test_a_terminated_context_says_that_it_is() -> None:
    context = aiomq.Context()
    sock = context.socket(aiomq.PAIR)
    await context.term()

    def check(name: str, error: aiomq.ZMQError) -> None:
        assert isinstance(error, aiomq.ContextTerminated), name
        assert str(error) == "the context of this PAIR socket was terminated", name

    await call_all(sock, check)
    with pytest.raises(aiomq.ContextTerminated, match="this context was terminated: it makes no more sockets"):
        context.socket(aiomq.PAIR)


async def test_a_socket_of_another_loop_says_where_to_use_it(context: aiomq.Context) -> None:
    with context.socket(aiomq.PAIR) as pair:
        pair.bind("inproc://here")

        async def elsewhere() -> str:
            with pytest.raises(aiomq.WrongLoopError) as refused:
                await pair.send(b"x")
            assert refused.value.errno == aiomq.EMTHREAD
            with pytest.raises(aiomq.WrongLoopError):
                pair.bind("inproc://there")
            return str(refused.value)

        text = await asyncio.to_thread(asyncio.run, elsewhere())
    assert "belongs to another event loop, in another thread" in text
    assert "connect the two over inproc://" in text
