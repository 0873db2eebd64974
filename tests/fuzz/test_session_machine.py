"""Two sessions that talk over a wire which loses, changes, repeats and reorders what is on it.

Whatever happens there, only `ZmtpError` is raised, nothing that is kept grows beyond its limit, and what is delivered
was sent: all of it over a good wire, a beginning of it over any wire with CURVE.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import pytest
from hypothesis import event, note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from aiomq.constants import SocketType
from aiomq.crypto import is_available, keypair
from aiomq.message import Item, Membership, Subscription
from aiomq.zmtp.commands import Command, Ping, Pong, encode_ping, encode_pong
from aiomq.zmtp.mechanisms.base import Mechanism, ZapReply
from aiomq.zmtp.mechanisms.curve_client import CurveClient
from aiomq.zmtp.mechanisms.curve_server import CurveServer
from aiomq.zmtp.mechanisms.null import NullMechanism
from aiomq.zmtp.mechanisms.plain import PlainClient, PlainServer
from aiomq.zmtp.session import SessionConfig
from tests.fuzz.profile import machine_settings
from tests.fuzz.session_sides import OldSide, SessionSide, Side

pytestmark = pytest.mark.skipif(not is_available(), reason="PyNaCl is not there")

if is_available():
    SERVER: Final = keypair()
    CLIENT: Final = keypair()
    MECHANISMS: Final[dict[str, tuple[Callable[[], Mechanism], Callable[[], Mechanism]]]] = {
        "NULL": (NullMechanism, NullMechanism),
        "PLAIN": (partial(PlainClient, b"admin", b"secret"), PlainServer),
        "CURVE": (partial(CurveClient, *CLIENT, SERVER[0]), partial(CurveServer, SERVER[1])),
    }

ALLOWED: Final = ZapReply(status=200, metadata={"User-Id": b"joe"})
OLD: Final[dict[str, int | None]] = {"1.0": None, "1.0 greeting": 0, "2.0": 1}

FRAMES: Final = st.binary(max_size=40) | st.sampled_from([255, 256, 8191, 8192, 20_000]).map(bytes)
MESSAGES: Final = FRAMES | st.lists(FRAMES, min_size=2, max_size=5).map(tuple)
ITEMS: Final = (
    MESSAGES
    | st.builds(Subscription, st.binary(max_size=20), subscribe=st.booleans())
    | st.builds(Membership, st.binary(max_size=20), join=st.booleans())
)
SIDES: Final = st.sampled_from([0, 1])
SIZES: Final = st.sampled_from([1, 2, 9, 10, 11, 12, 63, 64, 65, 300, 1 << 20, 1 << 20, 1 << 20])
PLACES: Final = st.integers(0, 1000)


class SessionMachine(RuleBasedStateMachine):
    """See the module. The side 0 is the client, the side 1 the server."""

    choices: Sequence[tuple[str, str]]
    """Mechanisms and versions."""

    def __init__(self) -> None:
        super().__init__()
        self.sides: list[Side] = []
        self.has_changed = [False, False]
        """Whether what a side said was changed on its way."""
        self.refused = False
        self.commands: list[list[Command]] = [[], []]
        self.mechanism = ""
        self.spoils = ""
        """What the wire spoils: octets anywhere, whole frames of traffic, or nothing."""

    @initialize(
        choice=st.integers(0, 59),
        domain=st.sampled_from([b"", b"global"]),
        identity=st.sampled_from([b"", b"me", bytes(255)]),
        course=st.tuples(st.sampled_from(["octets", "frames", "nothing"]), st.booleans(), st.booleans()),
    )
    def begin(self, choice: int, domain: bytes, identity: bytes, course: tuple[str, bool, bool]) -> None:
        mechanism, version = self.choices[choice % len(self.choices)]
        self.spoils, zap_for_client, goes_on = course
        client, server = MECHANISMS[mechanism]
        ours = SessionConfig(socket_type=SocketType.XPUB, mechanism=server, zap_domain=domain)
        is_old = version in OLD
        event(f"{mechanism}, {version}, {'ZAP' if domain else 'no ZAP'}")
        if is_old:
            self.refused = mechanism != "NULL" or bool(domain)
            left = Side(OldSide(OLD[version], SocketType.SUB, identity))
        else:
            theirs = SessionConfig(
                socket_type=SocketType.XSUB,
                routing_id=identity,
                mechanism=client,
                metadata=(("X-Name", b"value"),),
                zap_domain=domain if zap_for_client else b"",
            )
            left = SessionSide(theirs, minor=int(version[-1]))
        self.mechanism = "" if is_old else mechanism
        self.sides = [left, SessionSide(ours)]
        if goes_on:  # half of the time it is the traffic that is looked at
            self.shake_hands()

    def shake_hands(self) -> None:
        """Let all arrive that is said, and every question be answered well."""
        for _ in range(4):
            self.carry_all(1 << 20)
            for side in (0, 1):
                self.judge(side, 200)

    # -- what happens on the wire -------------------------------------------------------------------------------------

    @rule(side=SIDES, size=SIZES)
    def carry(self, side: int, size: int) -> None:
        """Let octets arrive."""
        wire = self.sides[side].wire
        data = bytes(wire[:size])
        del wire[:size]
        if data:
            self.sides[1 - side].receive(data)

    @rule(size=SIZES)
    def carry_all(self, size: int) -> None:
        """Let everything arrive that is on its way, and what is said to it."""
        while any(side.wire for side in self.sides):
            for side in (0, 1):
                self.carry(side, size)

    @rule(
        side=SIDES,
        how=st.sampled_from(["cut", "flip", "repeat", "swap", "insert", "end"]),
        at=PLACES,
        size=st.sampled_from([1, 2, 10, 64, 200]),
        octets=st.binary(min_size=1, max_size=12),
    )
    def disturb(self, side: int, how: str, at: int, size: int, octets: bytes) -> None:
        """Change what is on its way."""
        wire = self.sides[side].wire
        if not wire or self.spoils != "octets":
            return
        before = bytes(wire)
        at %= len(wire)
        if how == "cut":
            del wire[at : at + size]
        elif how == "flip":
            wire[at] ^= octets[0] or 1
        elif how == "repeat":
            wire[at:at] = wire[at : at + size]
        elif how == "swap":
            wire[at : at + 2 * size] = wire[at + size : at + 2 * size] + wire[at : at + size]
        elif how == "insert":
            wire[at:at] = octets
        else:
            del wire[at:]
        if wire != before:
            note(f"{how} what side {side} said")
            self.has_changed[side] = True

    @rule(
        side=SIDES, items=st.lists(MESSAGES, min_size=1, max_size=3), how=st.sampled_from(["lost", "twice", "swapped"])
    )
    def spoil_whole_frames(self, side: int, items: list[Item], how: str) -> None:
        """Send messages that do not arrive, arrive again, or in another order, each of them whole."""
        end = self.sides[side]
        if self.spoils != "frames":
            return
        before, sent = bytes(end.wire), []
        for item in items:
            end.wire.clear()
            end.send(item)
            sent.append(bytes(end.wire))
        arrives = {"lost": [], "twice": sent * 2, "swapped": sent[::-1]}[how]
        end.wire[:] = before + b"".join(arrives)
        if arrives != sent:
            note(f"messages of side {side}: {how}")
            self.has_changed[side] = True

    # -- what the sides do --------------------------------------------------------------------------------------------

    @rule(side=SIDES, item=ITEMS)
    def send(self, side: int, item: Item) -> None:
        self.sides[side].send(item)

    @rule(side=SIDES, items=st.lists(MESSAGES, min_size=4, max_size=12))
    def send_many(self, side: int, items: list[Item]) -> None:
        for item in items:
            self.sides[side].send(item)

    @rule(side=SIDES, context=st.binary(max_size=16), is_ping=st.booleans())
    def send_sign_of_life(self, side: int, context: bytes, *, is_ping: bool) -> None:
        body = encode_ping(7, context) if is_ping else encode_pong(context)
        if self.sides[side].send_command(body):
            self.commands[side].append(Ping(7, context) if is_ping else Pong(context))

    @rule(side=SIDES, status=st.sampled_from([200, 200, 200, 200, 200, 200, 200, 200, 300, 400, 500]))
    def judge(self, side: int, status: int) -> None:
        end = self.sides[side]
        reply = ALLOWED if status == 200 else ZapReply(status=status, text="no")
        if isinstance(end, SessionSide) and end.judge(reply) and status != 200:
            self.refused = True

    # -- what has to hold ---------------------------------------------------------------------------------------------

    @invariant()
    def nothing_grows(self) -> None:
        for side in self.sides:
            side.check()

    @invariant()
    def what_is_heard_was_sent(self) -> None:
        for number, side in enumerate(self.sides):
            other = self.sides[1 - number]
            if self.mechanism == "CURVE" or not any(self.has_changed):
                sent = other.expected()
                assert side.heard == sent[: len(side.heard)]
                assert side.commands == self.commands[1 - number][: len(side.commands)]

    @invariant()
    def nobody_ends_a_good_connection(self) -> None:
        if not any(self.has_changed) and not self.refused:
            assert [side.error for side in self.sides] == [None] * len(self.sides)

    def teardown(self) -> None:
        """Over a good wire, let all arrive: nothing may be missing."""
        if not self.sides or any(self.has_changed) or self.refused:
            return
        self.shake_hands()
        for number, side in enumerate(self.sides):
            assert side.codec is not None, "the handshake is not over"
            assert side.heard == self.sides[1 - number].expected()
            assert side.commands == self.commands[1 - number]


class CurveMachine(SessionMachine):
    choices = (("CURVE", "3.1"), ("CURVE", "3.0"))


class PlainMachine(SessionMachine):
    choices = (("PLAIN", "3.1"), ("PLAIN", "3.0"))


class NullMachine(SessionMachine):
    choices = (("NULL", "3.1"), ("NULL", "3.0"))


class OldMachine(SessionMachine):
    """Those before 3.0 have no mechanism, and are refused by whoever has one."""

    choices = (*(("NULL", version) for version in OLD), ("PLAIN", "2.0"), ("CURVE", "1.0"))


CurveMachine.TestCase.settings = machine_settings()
TestCurve = CurveMachine.TestCase
PlainMachine.TestCase.settings = machine_settings()
TestPlain = PlainMachine.TestCase
NullMachine.TestCase.settings = machine_settings()
TestNull = NullMachine.TestCase
OldMachine.TestCase.settings = machine_settings()
TestOldVersions = OldMachine.TestCase
