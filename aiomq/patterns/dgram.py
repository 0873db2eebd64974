"""DGRAM: datagrams of peers that know nothing of ZeroMQ.

A message is a pair, the address of the other side as `ip:port` and the datagram.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Final

from aiomq.datagrams import DATAGRAM_BYTES_MAX, parse_address
from aiomq.errors import ZMQError
from aiomq.message import Message
from aiomq.patterns.base import Pattern
from aiomq.patterns.pair import PairPattern

__all__ = ["DgramPattern"]

_PARTS: Final = 2


class DgramPattern(PairPattern):
    """Sends to and receives from whomever its one udp port can reach."""

    name = "DGRAM"

    def try_send(self, message: Message) -> bool:
        """Queue a datagram; False if there is no room, or no port yet.

        Raises:
            ZMQError: EINVAL if it is not an address and a datagram, EMSGSIZE if it is too long.
        """
        if not isinstance(message, tuple) or len(message) != _PARTS:
            raise ZMQError(errno.EINVAL, "a message of a DGRAM socket is two frames: an address ip:port and a datagram")
        if len(message[1]) > DATAGRAM_BYTES_MAX:
            what = f"a datagram of {len(message[1])} bytes is too long: up to {DATAGRAM_BYTES_MAX} can be sent"
            raise ZMQError(errno.EMSGSIZE, what)
        parse_address(message[0])
        return super().try_send(message)

    def wants_more(self, frames: Sequence[bytes]) -> bool:
        """Return True for an address, which a datagram must follow.

        Raises:
            ZMQError: EINVAL if something should follow the datagram.
        """
        if len(frames) >= _PARTS:
            raise ZMQError(
                errno.EINVAL, "nothing follows the datagram in a message of a DGRAM socket: leave SNDMORE out"
            )
        parse_address(frames[0])
        return Pattern.wants_more(self, frames)
