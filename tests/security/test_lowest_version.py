"""`zmtp_min`: peers of ZMTP 1.0 and 2.0, which random bytes can be, where there are rules to keep and where not."""

from __future__ import annotations

import errno
import socket as sockets
from typing import Any

import pytest

import aiomq
from aiomq import Event
from aiomq.budgets import BUDGETS
from tests.conformance.scripted_peer import DIALECTS, V10, V20, V30, V31, Dialect, dial, meet, signature, wait_for

OLD: list[Dialect] = [each for each in DIALECTS if each.is_old]

RULES: list[dict[str, Any]] = [
    {"maxmsgsize": 1000},
    {"tcp_accept_filter": "127.0.0.0/8"},
    {"zap_domain": "global"},
    {"plain_server": 1},
    {"plain_username": "ada", "plain_password": "secret"},
    {"connections_max": 100},
    {"handshakes_max": 100},
    {"topics_per_peer": 100},
]


def opening(dialect: Dialect) -> bytes:
    """Return all that a peer says in its handshake, at once."""
    return b"".join(said for _, said in dialect.handshake(aiomq.PULL, aiomq.PUSH))


async def refused(socket: aiomq.Socket, dialect: Dialect) -> aiomq.MonitorEvent:
    """Let an old peer say its handshake and a message; return how its connection ended."""
    events = socket.monitor()
    peer = await dial(socket)
    await peer.says(opening(dialect) + dialect.message(b"in the name of nobody"))
    (*_, ended) = await wait_for(events, Event.DISCONNECTED)
    peer.close()
    return ended


@pytest.mark.parametrize("dialect", OLD, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("rules", RULES, ids=lambda rules: next(iter(rules)))
async def test_old_peer_is_refused_where_there_are_rules(
    context: aiomq.Context, dialect: Dialect, rules: dict[str, Any]
) -> None:
    with context.socket(aiomq.PULL, **rules) as pull:
        assert pull.zmtp_min == "3.0"
        pull.bind("tcp://127.0.0.1:*")
        ended = await refused(pull, dialect)

        assert "the peer" in ended.reason
        assert (pull.counters.failed_handshakes, pull.counters.protocol_errors) == (1, 1)
        with pytest.raises(aiomq.Again):
            pull.recv_nowait()


async def test_random_bytes_are_no_peer_with_a_message_where_there_are_rules(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL, maxmsgsize=1000) as pull:
        pull.bind("tcp://127.0.0.1:*")
        events = pull.monitor()
        peer = await dial(pull)
        await peer.says(bytes.fromhex("01 00 05 00 41 42 43 44"))
        seen = await wait_for(events, Event.DISCONNECTED)
        peer.close()

        failed = [each for each in seen if each.event is Event.HANDSHAKE_FAILED_NO_DETAIL]
        assert [each.value for each in failed] == [errno.EPROTONOSUPPORT]
        assert "the peer speaks ZMTP 1.0, and nothing older than 3.0 is spoken here (zmtp_min)" in failed[0].reason
        with pytest.raises(aiomq.Again):
            pull.recv_nowait()


@pytest.mark.parametrize("dialect", OLD, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("options", [{}, {"zmtp_min": "1.0", "maxmsgsize": 1000}], ids=["no rules", "asked for"])
async def test_old_peer_is_served_where_there_are_none_or_it_was_asked_for(
    context: aiomq.Context, dialect: Dialect, options: dict[str, Any]
) -> None:
    with context.socket(aiomq.PULL, rcvtimeo=10_000, **options) as pull:
        assert pull.zmtp_min == "1.0"
        pull.bind("tcp://127.0.0.1:*")
        peer = await dial(pull)
        await peer.says(opening(dialect) + dialect.message(b"welcome"))

        assert await pull.recv() == b"welcome"
        peer.close()


@pytest.mark.parametrize(
    ("lowest", "spoken"),
    [("1.0", [V10, V20, V30, V31]), ("2.0", [V20, V30, V31]), ("3.0", [V30, V31]), ("3.1", [V31])],
)
async def test_lowest_version_and_those_above_are_spoken(
    context: aiomq.Context, lowest: str, spoken: list[Dialect]
) -> None:
    with context.socket(aiomq.PULL, rcvtimeo=10_000, zmtp_min=lowest) as pull:
        pull.bind("tcp://127.0.0.1:*")
        for dialect in (V10, V20, V30, V31):
            if dialect not in spoken:
                assert "zmtp_min" in (await refused(pull, dialect)).reason
                continue
            peer = await dial(pull)
            await peer.says(opening(dialect) + dialect.message(dialect.name.encode()))
            assert await pull.recv() == dialect.name.encode()
            peer.close()


async def test_dialer_refuses_an_old_server_too(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL, zmtp_min="3.0") as pull, pull.monitor() as events:
        async with meet(pull, "connects") as peer:
            await peer.hears(signature())
            await peer.says(opening(V10))
            (*_, ended) = await wait_for(events, Event.DISCONNECTED)

    assert "zmtp_min" in ended.reason


@pytest.mark.skipif(not hasattr(sockets, "AF_UNIX"), reason="this system has no ipc")
async def test_old_peer_is_refused_over_ipc(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL, maxmsgsize=1000) as pull, pull.monitor() as events:
        pull.bind("ipc://*")
        sock = sockets.socket(sockets.AF_UNIX)
        sock.connect(pull.last_endpoint.removeprefix("ipc://"))
        with sock:
            sock.sendall(opening(V20))
            (*_, ended) = await wait_for(events, Event.DISCONNECTED)

    assert "zmtp_min" in ended.reason


def test_lowest_version_follows_from_the_other_options_until_it_is_set() -> None:
    with aiomq.Context() as context, context.socket(aiomq.PULL) as pull:
        for name, budget in BUDGETS.items():
            setattr(pull, name, budget.default + 1)
            assert pull.zmtp_min == "3.0"
            setattr(pull, name, budget.default)
        assert pull.zmtp_min == "1.0"
        pull.zmtp_min = "2.0"
        pull.maxmsgsize = 5
        assert pull.zmtp_min == "2.0"
        pull.zmtp_min = None
        assert pull.zmtp_min == "3.0"
        for wrong in ("", "4.0", 3, b"3.0"):
            with pytest.raises(aiomq.ZMQError, match="zmtp_min takes a version as text") as caught:
                pull.zmtp_min = wrong  # type: ignore[assignment]  # what is to be refused
            assert caught.value.errno == errno.EINVAL


def test_lowest_version_has_a_default_in_the_context() -> None:
    with aiomq.Context() as context:
        assert context.zmtp_min is None
        context.zmtp_min = "3.1"
        with context.socket(aiomq.PULL) as one, context.socket(aiomq.PULL, zmtp_min="1.0") as other:
            assert (one.zmtp_min, other.zmtp_min) == ("3.1", "1.0")
        context.zmtp_min = None
        with context.socket(aiomq.PULL) as one:
            assert one.zmtp_min == "1.0"
