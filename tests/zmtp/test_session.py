"""Handshakes octet by octet, with peers of every version, in every split (RFC 13, 15, 23, 37; libzmq's order)."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiomq.constants import SocketType
from aiomq.message import Item, Subscription
from aiomq.zmtp.session import Framing, Session
from aiomq.zmtp.states import TRANSITIONS, Event, State
from tests.zmtp.session_pair import (
    GREETING_30,
    GREETING_31,
    NULL_REST,
    READY_PUB,
    READY_PULL,
    READY_REP,
    READY_SUB,
    SIGNATURE,
    SessionPair,
    feed,
    make_session,
    octets,
)

READY_REQ = bytes.fromhex("04260552454144590b536f636b65742d5479706500000003524551084964656e7469747900000000")
READY_PUSH = bytes.fromhex("041a0552454144590b536f636b65742d547970650000000450555348")


@dataclass(frozen=True)
class Conversation:
    """What one peer says, what we say in return, and what we know afterwards."""

    ours: SocketType
    hears: bytes
    says: bytes
    version: tuple[int, int]
    framing: Framing
    our_routing_id: bytes = b""
    subscription_commands: bool = False
    socket_type: SocketType | None = None
    routing_id: bytes = b""
    mechanism: str = ""
    metadata: dict[str, bytes] = field(default_factory=dict)
    revision0: bool = False
    injected: tuple[Item, ...] = ()

    def session(self) -> Session:
        return make_session(self.ours, self.our_routing_id)

    def check(self, session: Session) -> None:
        peer = session.peer
        assert session.ready
        assert (session.framing, session.subscription_commands) == (self.framing, self.subscription_commands)
        assert (peer.version, peer.revision0) == (self.version, self.revision0)
        assert (peer.socket_type, peer.routing_id) == (self.socket_type, self.routing_id)
        assert (peer.mechanism, peer.metadata) == (self.mechanism, self.metadata)
        assert session.injected == self.injected
        assert session.cipher is None


CONVERSATIONS = {
    "3.1": Conversation(
        SocketType.REQ,
        hears=GREETING_31 + READY_REP,
        says=GREETING_31 + READY_REQ,
        version=(3, 1),
        framing=Framing.V2,
        subscription_commands=True,
        socket_type=SocketType.REP,
        mechanism="NULL",
        metadata={"Socket-Type": b"REP"},
    ),
    "3.0": Conversation(
        SocketType.PUB,
        hears=GREETING_30 + READY_SUB,
        says=GREETING_31 + READY_PUB,
        version=(3, 0),
        framing=Framing.V2,
        socket_type=SocketType.SUB,
        mechanism="NULL",
        metadata={"Socket-Type": b"SUB"},
    ),
    "3.7": Conversation(
        SocketType.PUSH,
        hears=SIGNATURE + b"\x03\x07" + NULL_REST[1:] + READY_PULL,
        says=GREETING_31 + READY_PUSH,
        version=(3, 1),
        framing=Framing.V2,
        subscription_commands=True,
        socket_type=SocketType.PULL,
        mechanism="NULL",
        metadata={"Socket-Type": b"PULL"},
    ),
    "major 2 is 3.x": Conversation(
        SocketType.PUSH,
        hears=SIGNATURE + b"\x02\x00" + NULL_REST[1:] + READY_PULL,
        says=GREETING_31 + READY_PUSH,
        version=(3, 1),
        framing=Framing.V2,
        subscription_commands=True,
        socket_type=SocketType.PULL,
        mechanism="NULL",
        metadata={"Socket-Type": b"PULL"},
    ),
    "major 4": Conversation(
        SocketType.PUSH,
        hears=SIGNATURE + b"\x04\x00" + NULL_REST[1:] + READY_PULL,
        says=GREETING_31 + READY_PUSH,
        version=(3, 1),
        framing=Framing.V2,
        subscription_commands=True,
        socket_type=SocketType.PULL,
        mechanism="NULL",
        metadata={"Socket-Type": b"PULL"},
    ),
    "3.1 with routing ids and odd padding": Conversation(
        SocketType.ROUTER,
        hears=bytes.fromhex("ff 0102030405060708 01 0301")
        + b"NULL"
        + bytes(16)
        + b"\x01"
        + b"\xee" * 31
        # a long frame of a small size, with reserved flags, not marked as a command; names in another case
        + bytes.fromhex("fa 000000000000002c 05 5245414459")
        + b"\x0bSOCKET-TYPE\x00\x00\x00\x06DEALER\x08identity\x00\x00\x00\x03abc",
        says=bytes.fromhex("ff 0000000000000003 7f")
        + GREETING_31[10:]
        + bytes.fromhex("042b0552454144590b536f636b65742d5479706500000006524f55544552084964656e7469747900000002")
        + b"xy",
        our_routing_id=b"xy",
        version=(3, 1),
        framing=Framing.V2,
        subscription_commands=True,
        socket_type=SocketType.DEALER,
        routing_id=b"abc",
        mechanism="NULL",
        metadata={"Socket-Type": b"DEALER", "Identity": b"abc"},
    ),
    "2.0 SUB": Conversation(
        SocketType.PUB,
        hears=bytes.fromhex("ff 0000000000000000 7f 01 02 00 00"),
        says=SIGNATURE + bytes.fromhex("03 01 00 00"),
        version=(2, 0),
        framing=Framing.V2,
        socket_type=SocketType.SUB,
    ),
    "2.0 with routing ids": Conversation(
        SocketType.ROUTER,
        hears=SIGNATURE + bytes.fromhex("01 05 00 03 616263"),
        says=bytes.fromhex("ff 0000000000000003 7f 03 06 00 02 7879"),
        our_routing_id=b"xy",
        version=(2, 0),
        framing=Framing.V2,
        socket_type=SocketType.DEALER,
        routing_id=b"abc",
    ),
    "2.0 with a socket type of its own": Conversation(
        SocketType.XSUB,
        hears=SIGNATURE + bytes.fromhex("01 63 f9 00"),
        says=SIGNATURE + bytes.fromhex("03 02 00 00"),
        version=(2, 0),
        framing=Framing.V2,
    ),
    "2.0 with a long routing id frame": Conversation(
        SocketType.REP,
        hears=SIGNATURE + bytes.fromhex("01 03 02 00000000000000ff") + b"i" * 255,
        says=SIGNATURE + bytes.fromhex("03 04 00 00"),
        version=(2, 0),
        framing=Framing.V2,
        socket_type=SocketType.REQ,
        routing_id=b"i" * 255,
    ),
    "revision 0": Conversation(
        SocketType.PUB,
        hears=SIGNATURE + bytes.fromhex("00 02 01 00"),
        says=bytes.fromhex("ff 0000000000000004 7f 03 01 04 00 616263"),
        our_routing_id=b"abc",
        version=(1, 0),
        framing=Framing.V1,
        socket_type=SocketType.SUB,
        revision0=True,
    ),
    "revision 0 with long routing ids": Conversation(
        SocketType.DEALER,
        hears=SIGNATURE + bytes.fromhex("00 06 ff 0000000000000100 00") + b"i" * 255,
        says=bytes.fromhex("ff 00000000000000ff 7f 03 05 ff 00000000000000ff 00") + b"o" * 254,
        our_routing_id=b"o" * 254,
        version=(1, 0),
        framing=Framing.V1,
        socket_type=SocketType.ROUTER,
        routing_id=b"i" * 255,
        revision0=True,
    ),
    "1.0 anonymous": Conversation(
        SocketType.PULL,
        hears=bytes.fromhex("01 00"),
        says=SIGNATURE,
        version=(1, 0),
        framing=Framing.V1,
    ),
    "1.0 short header": Conversation(
        SocketType.ROUTER,
        hears=bytes.fromhex("03 00 5859"),
        says=bytes.fromhex("ff 0000000000000004 7f 616263"),
        our_routing_id=b"abc",
        version=(1, 0),
        framing=Framing.V1,
        routing_id=b"XY",
    ),
    "1.0 long header": Conversation(
        SocketType.ROUTER,
        hears=bytes.fromhex("ff 0000000000000003 00 5859"),
        says=SIGNATURE,
        version=(1, 0),
        framing=Framing.V1,
        routing_id=b"XY",
    ),
    "1.0 long header with other flags": Conversation(
        SocketType.ROUTER,
        hears=bytes.fromhex("ff 0000000000000100 7e") + b"i" * 255,
        says=SIGNATURE,
        version=(1, 0),
        framing=Framing.V1,
        routing_id=b"i" * 255,
    ),
    "1.0 subscriber of PUB": Conversation(
        SocketType.PUB,
        hears=bytes.fromhex("01 00"),
        says=SIGNATURE,
        version=(1, 0),
        framing=Framing.V1,
        injected=(Subscription(b"", subscribe=True),),
    ),
    "1.0 subscriber of XPUB": Conversation(
        SocketType.XPUB,
        hears=bytes.fromhex("03 00 5859"),
        says=SIGNATURE,
        version=(1, 0),
        framing=Framing.V1,
        routing_id=b"XY",
        injected=(Subscription(b"", subscribe=True),),
    ),
}

EVERY = pytest.mark.parametrize("conversation", CONVERSATIONS.values(), ids=CONVERSATIONS.keys())

TRAFFIC = bytes.fromhex("00 05 68656c6c6f 04 05 5245414459")


# -- conversations, octet by octet -------------------------------------------------------------------------------------


@EVERY
def test_conversation_in_one_chunk_is_byte_exact(conversation: Conversation) -> None:
    session = conversation.session()
    assert feed(session, [conversation.hears]) == conversation.says
    conversation.check(session)
    assert session.leftover() == b""


@EVERY
def test_conversation_in_single_octets_is_byte_exact(conversation: Conversation) -> None:
    session = conversation.session()
    assert feed(session, octets(conversation.hears)) == conversation.says
    conversation.check(session)
    assert session.leftover() == b""


@EVERY
def test_conversation_in_any_two_chunks_is_byte_exact(conversation: Conversation) -> None:
    for cut in range(1, len(conversation.hears)):
        session = conversation.session()
        assert feed(session, [conversation.hears[:cut], conversation.hears[cut:]]) == conversation.says
        conversation.check(session)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_conversation_in_any_chunks_keeps_the_traffic_behind_it(data: st.DataObject) -> None:
    conversation = data.draw(st.sampled_from(list(CONVERSATIONS.values())))
    traffic = data.draw(st.binary(max_size=40))
    whole = conversation.hears + traffic
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=12)))
    session = conversation.session()
    said = session.data_to_send()
    received = 0
    for start, stop in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        if session.ready:
            break
        session.receive_data(whole[start:stop])
        said += session.data_to_send()
        received = stop
    conversation.check(session)
    assert said == conversation.says
    assert session.leftover() == whole[len(conversation.hears) : received]


@EVERY
def test_traffic_in_the_same_chunk_is_left_over_once(conversation: Conversation) -> None:
    session = conversation.session()
    session.receive_data(conversation.hears + TRAFFIC)
    conversation.check(session)
    assert session.leftover() == TRAFFIC
    assert session.leftover() == b""


@EVERY
def test_nothing_but_the_last_octet_makes_a_session_ready(conversation: Conversation) -> None:
    session = conversation.session()
    session.receive_data(conversation.hears[:-1])
    assert not session.ready
    session.receive_data(conversation.hears[-1:])
    assert session.ready


def test_chunks_may_be_any_buffer() -> None:
    session = make_session(SocketType.REQ)
    session.receive_data(bytearray(GREETING_31))
    session.receive_data(memoryview(READY_REP))
    assert session.ready


# -- the order of what is sent -----------------------------------------------------------------------------------------


def test_start_sends_the_signature_alone() -> None:
    session = make_session(SocketType.REQ)
    assert session.data_to_send() == SIGNATURE
    assert session.data_to_send() == b""


def test_revision_octet_goes_out_before_the_peers_is_known() -> None:
    session = make_session(SocketType.REQ)
    session.data_to_send()
    session.receive_data(SIGNATURE[:9])
    assert session.data_to_send() == b""
    session.receive_data(SIGNATURE[9:])
    assert session.data_to_send() == b"\x03"


def test_rest_of_the_greeting_goes_out_on_the_peers_revision_octet() -> None:
    session = make_session(SocketType.REQ)
    feed(session, [SIGNATURE])
    session.receive_data(b"\x03")
    assert session.data_to_send() == NULL_REST


def test_socket_type_goes_out_on_an_old_peers_revision_octet() -> None:
    session = make_session(SocketType.SUB)
    feed(session, [SIGNATURE])
    session.receive_data(b"\x01")
    assert session.data_to_send() == b"\x02"
    session.receive_data(b"\x01")
    assert session.data_to_send() == b"\x00\x00"


def test_ready_goes_out_with_the_last_octet_of_the_peers_greeting() -> None:
    session = make_session(SocketType.REQ)
    feed(session, [GREETING_31[:-1]])
    session.receive_data(GREETING_31[-1:])
    assert session.data_to_send() == READY_REQ
    assert not session.ready


def test_body_of_the_routing_id_goes_out_on_a_1_0_peers_first_octet() -> None:
    session = make_session(SocketType.ROUTER, b"XY")
    assert session.data_to_send() == bytes.fromhex("ff 0000000000000003 7f")
    session.receive_data(b"\x01")
    assert session.data_to_send() == b"XY"


# -- two sessions back to back -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk_size", [1, 2, 7, 11, 64, 1 << 20])
def test_two_sessions_meet_as_3_1(chunk_size: int) -> None:
    dealer = make_session(SocketType.DEALER, b"me", metadata=(("X-app", b"v1"),))
    router = make_session(SocketType.ROUTER)
    pair = SessionPair(dealer, router)
    pair.run(chunk_size)
    assert dealer.ready
    assert router.ready
    assert router.peer.version == dealer.peer.version == (3, 1)
    assert router.peer.routing_id == b"me"
    assert router.peer.metadata == {"Socket-Type": b"DEALER", "Identity": b"me", "X-app": b"v1"}
    assert dealer.peer.socket_type is SocketType.ROUTER
    assert dealer.leftover() == router.leftover() == b""
    assert pair.left_sent[:10] == bytes.fromhex("ff 0000000000000003 7f")
    assert pair.left_sent[10:64] == pair.right_sent[10:64]


# -- the table ---------------------------------------------------------------------------------------------------------


def test_every_state_is_reached_and_all_but_two_are_left() -> None:
    reached = {State.IDLE} | {state for row in TRANSITIONS.values() for state in row.values()}
    assert reached == set(State) == set(TRANSITIONS)
    assert {state for state, row in TRANSITIONS.items() if not row} == {State.READY, State.FAILED}
    assert {event for row in TRANSITIONS.values() for event in row} == set(Event)


def test_states_of_a_3_1_handshake_follow_the_table() -> None:
    session = make_session(SocketType.REQ)
    states = [session.state]
    for octet in octets(GREETING_31 + READY_REP):
        session.receive_data(octet)
        if session.state is not states[-1]:
            states.append(session.state)
    assert states == [State.SIGNATURE, State.REVISION, State.GREETING, State.SECURITY, State.READY]


def test_repr_shows_state_version_and_what_is_held() -> None:
    session = make_session(SocketType.REQ)
    assert repr(session) == "<Session REQ SIGNATURE held=0>"
    session.receive_data(SIGNATURE + b"\x01")
    assert repr(session) == "<Session REQ SOCKET_TYPE held=11>"
    session = make_session(SocketType.REQ)
    session.receive_data(GREETING_30 + b"\x04")
    assert repr(session) == "<Session REQ SECURITY ZMTP 3.0 held=1>"


# -- misuse ------------------------------------------------------------------------------------------------------------


def test_calls_out_of_turn_are_errors_of_the_caller() -> None:
    session = make_session(SocketType.REQ)
    with pytest.raises(RuntimeError, match="started before"):
        session.start()
    with pytest.raises(RuntimeError, match="belongs to the handshake"):
        session.leftover()
    with pytest.raises(RuntimeError, match="known when the handshake is over"):
        _ = session.peer
    session.receive_data(GREETING_31 + READY_REP)
    with pytest.raises(RuntimeError, match="only a running handshake"):
        session.receive_data(b"x")
