"""A decoder that takes chunks before the last one is used up."""

from __future__ import annotations

import random
from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest

from aiomq.rest import Pile, Rest
from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.frames import FrameDecoder
from aiomq.zmtp.legacy_frames import LegacyFrameDecoder
from tests.transports.scripted import MORE, frame


def legacy(body: bytes) -> bytes:
    """Return a frame of ZMTP 1.0."""
    size = len(body) + 1
    return (bytes((size,)) if size < 255 else b"\xff" + size.to_bytes(8, "big")) + b"\0" + body


def chunks(data: bytes, random_source: random.Random) -> list[bytes]:
    """Cut octets into pieces, small ones and large ones."""
    pieces = []
    while data:
        size = random_source.choice((1, 7, 1000, 40_000, 200_000))
        pieces.append(data[:size])
        data = data[size:]
    return pieces


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("decoder", [FrameDecoder, LegacyFrameDecoder])
def test_all_comes_out_in_order_whatever_the_chunks_and_the_limits(decoder: type[Any], seed: int) -> None:
    source = random.Random(seed)
    peer: Any = SimpleNamespace(raw_bytes=0)
    pile = Pile(decoder(), peer)
    bodies = [bytes((each % 256,)) * source.choice((0, 1, 200, 300, 66_000, 150_000)) for each in range(40)]
    data = b"".join(map(frame if decoder is FrameDecoder else legacy, bodies))
    waiting = chunks(data, source)
    got: list[Any] = []
    while waiting or not pile.starved:
        room = pile.assembly.room
        if waiting and room is not None and source.random() < 0.5:  # as a connection does that is not drained
            piece = waiting.pop(0)
            count = min(len(room), len(piece))
            room[:count] = piece[:count]
            if count < len(piece):
                waiting.insert(0, piece[count:])
            item, _ = pile.assembly.fill_large(count)
            got += [] if item is None else [item]
            continue
        for _ in range(source.randrange(4) if room is None else 0):
            if waiting and pile.assembly.room is None:
                pile.feed(memoryview(waiting.pop(0)))
                pile.detach_chunk()
        if not pile.starved:
            got += pile.take(source.randrange(1, 5))
    assert got == bodies
    assert peer.raw_bytes == 0


def test_what_came_before_an_offence_is_given_out_first() -> None:
    peer: Any = SimpleNamespace(raw_bytes=0)
    pile = Pile(FrameDecoder(100_000), peer)
    pile.feed(frame(b"a") + frame(b"b"))
    pile.feed(frame(b"c") + frame(b"d", MORE) + frame(b"e"))
    pile.feed(frame(bytes(200_000)))
    assert peer.raw_bytes > 200_000
    got = [pile.take(2) for _ in range(2)]
    assert [item for items in got for item in items] == [b"a", b"b", b"c", (b"d", b"e")]
    with pytest.raises(ZmtpError, match="over MAXMSGSIZE"):
        pile.take(2)


def peer_with(breach: Any = None, hwm: int = 2) -> Any:
    """Return a peer that is gone, of a socket with these rules."""
    owner = SimpleNamespace(breach=breach, tally=SimpleNamespace(received=0), inbox_full=lambda: None)
    marks = SimpleNamespace(rcvhwm=hwm)
    return SimpleNamespace(
        raw_bytes=0, rest=None, inbox=deque(), marks=marks, left=True, received=0, low_water=-1, link=None, owner=owner
    )


def read(peer: Any) -> list[Any]:
    """Take all out of an inbox as a pattern does."""
    items = []
    while peer.inbox:
        items.append(peer.inbox.popleft())
        if len(peer.inbox) <= peer.low_water:
            peer.rest.refill()
    return items


def test_rest_of_several_connections_comes_out_in_order_and_by_the_mark() -> None:
    peer = peer_with()
    for first in (0, 5):
        decoder = FrameDecoder()
        decoder.feed(b"".join(frame(b"%d" % each) for each in range(first, first + 4)))
        rest = Rest.of(peer)
        rest.add(decoder)
        assert rest.holds(decoder)
        rest.tell([b"%d" % (first + 4)])
    assert list(peer.inbox) == [b"0", b"1"]
    assert 0 < peer.rest.held <= 8 * 3

    assert read(peer) == [b"%d" % each for each in range(10)]
    assert (peer.rest, peer.low_water, peer.received, peer.owner.tally.received) == (None, -1, 10, 10)


def test_rest_ends_where_it_breaks_the_rules() -> None:
    peer = peer_with(lambda item: "it is bad" if item == b"bad" else "")
    decoder = FrameDecoder()
    decoder.feed(b"".join(map(frame, (b"a", b"b", b"c", b"bad", b"d", b"e"))))
    Rest.of(peer).add(decoder)
    assert read(peer) == [b"a", b"b", b"c"]
    assert peer.rest is None
