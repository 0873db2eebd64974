"""Numbers and names, held against those of pyzmq."""

from __future__ import annotations

import enum

import pytest
import zmq.constants

from aiomq import constants, option_numbers

NAMES = sorted(name for name in constants.__all__ if not isinstance(getattr(constants, name), type))
ENUMS = sorted(name for name in constants.__all__ if isinstance(getattr(constants, name), type))
NOT_OURS = {"Enum", "Errno", "IntEnum", "IntFlag"} | set(zmq.constants.Errno.__members__)


@pytest.mark.parametrize("name", NAMES)
def test_constant_of_pyzmq_has_the_same_number(name: str) -> None:
    theirs = getattr(zmq.constants, name, None)
    ours = getattr(constants, name)

    assert isinstance(ours, int)
    if theirs is None:
        assert name == "ZERO_COPY_RECV"  # a draft that pyzmq leaves out
    else:
        assert int(ours) == int(theirs)


def test_constants_cover_every_name_of_pyzmq() -> None:
    assert set(zmq.constants.__all__) - set(constants.__all__) == NOT_OURS


@pytest.mark.parametrize("name", sorted(set(ENUMS) - {"ProtocolError", "Event"}))
def test_enum_of_pyzmq_has_the_same_members(name: str) -> None:
    ours = {key: int(member) for key, member in getattr(constants, name).__members__.items()}
    theirs = {key: int(member) for key, member in getattr(zmq.constants, name).__members__.items()}
    ours.pop("ZERO_COPY_RECV", None)

    assert ours == theirs


def test_events_and_protocol_errors_together_are_the_events_of_pyzmq() -> None:
    ours = dict(constants.Event.__members__) | dict(constants.ProtocolError.__members__)
    theirs = zmq.constants.Event.__members__

    assert {key: int(member) for key, member in ours.items()} == {key: int(member) for key, member in theirs.items()}


@pytest.mark.parametrize("name", NAMES)
def test_constant_is_a_member_of_an_enum(name: str) -> None:
    value = getattr(constants, name)

    assert isinstance(value, enum.Enum)
    assert value.name is not None
    assert value is type(value)[value.name]


def test_constants_list_no_name_twice() -> None:
    assert len(constants.__all__) == len(set(constants.__all__))


def test_option_numbers_name_every_option() -> None:
    assert set(option_numbers.__all__) == {"SocketOption", *constants.SocketOption.__members__}


def test_older_names_are_the_same_members() -> None:
    assert constants.XREQ is constants.SocketType.DEALER
    assert constants.XREP is constants.SocketType.ROUTER
    assert constants.IDENTITY is constants.SocketOption.ROUTING_ID
    assert constants.NOBLOCK is constants.Flag.DONTWAIT


def test_every_single_event_lies_within_all() -> None:
    assert constants.EVENT_ALL_V2 == constants.EVENT_ALL | constants.EVENT_PIPES_STATS
    assert all(event in constants.EVENT_ALL_V2 for event in constants.Event)
