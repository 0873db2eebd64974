"""The course of a handshake as a table: which states there are, what happens in them, and what comes next.

    IDLE -> SIGNATURE -> ROUTING_ID -> READY                              ZMTP 1.0, no greeting
            SIGNATURE -> REVISION -> SOCKET_TYPE -> ROUTING_ID -> READY   revision 0 and ZMTP 2.0
            SIGNATURE -> REVISION -> GREETING -> SECURITY -> READY        ZMTP 3.x

and to FAILED from wherever a peer can go wrong. All that decides about the order of things in a handshake is here.
"""

from __future__ import annotations

from enum import Enum
from types import MappingProxyType
from typing import Final

__all__ = ["TRANSITIONS", "Event", "State"]


class State(Enum):
    """How far a handshake has come."""

    IDLE = "not started"
    SIGNATURE = "awaiting the signature, or what a 1.0 peer sends in its place"
    REVISION = "awaiting the octet after the signature"
    SOCKET_TYPE = "awaiting the socket type of a 2.0 peer"
    GREETING = "awaiting the rest of a 3.x greeting"
    ROUTING_ID = "awaiting the routing id frame of a 1.0 or 2.0 peer"
    SECURITY = "awaiting commands of the security mechanism"
    READY = "over"
    FAILED = "failed"


class Event(Enum):
    """What moves a handshake from one state to another."""

    STARTED = "start was called"
    UNVERSIONED = "the peer has no greeting: ZMTP 1.0"
    VERSIONED = "the peer has a signature"
    OLD_REVISION = "the peer is older than 3.0"
    NEW_REVISION = "the peer is 3.0 or newer"
    GREETED = "the greeting is whole"
    COMMAND = "a command was taken in"
    IDENTIFIED = "the routing id is known"
    SECURED = "the mechanism is ready"
    VIOLATION = "the peer broke the protocol, or is refused"


_FAILS: Final = MappingProxyType({Event.VIOLATION: State.FAILED})

TRANSITIONS: Final = MappingProxyType(
    {
        State.IDLE: {Event.STARTED: State.SIGNATURE},
        State.SIGNATURE: {Event.UNVERSIONED: State.ROUTING_ID, Event.VERSIONED: State.REVISION, **_FAILS},
        State.REVISION: {Event.OLD_REVISION: State.SOCKET_TYPE, Event.NEW_REVISION: State.GREETING},
        State.SOCKET_TYPE: {Event.GREETED: State.ROUTING_ID, **_FAILS},
        State.GREETING: {Event.GREETED: State.SECURITY, **_FAILS},
        State.ROUTING_ID: {Event.IDENTIFIED: State.READY, **_FAILS},
        State.SECURITY: {Event.COMMAND: State.SECURITY, Event.SECURED: State.READY, **_FAILS},
        State.READY: {},
        State.FAILED: {},
    }
)
"""The whole course of a handshake: state, event, next state. What is not listed cannot happen."""
