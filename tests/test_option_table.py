"""The option table, held against what libzmq has and accepts."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any

import pytest
import zmq

from aiomq.constants import SocketOption, SocketType
from aiomq.errors import ZMQError
from aiomq.options import (
    OPTIONS,
    OptionKind,
    OptionSpec,
    OptionValue,
    SocketOptions,
    check_readable,
    checked,
    default_options,
    load,
    store,
)

O = SocketOption  # noqa: E741  # a table of options reads better so
STABLE = [each for each in SocketType if each <= SocketType.STREAM]
NOT_IN_LIBZMQ = {O.HWM, O.XPUB_MANUAL_LAST_VALUE, O.XSUB_VERBOSE_UNSUBSCRIBE, O.PRIORITY}
"""What pyzmq made up, and drafts that this build of libzmq has not."""

SUBSCRIPTIONS = {O.SUBSCRIBE, O.UNSUBSCRIBE}
"""What libzmq takes from publishers in manual mode alone: the pattern knows the mode."""

INTEGERS = (-(2**31), -100, -2, -1, 0, 1, 2, 99, 100, 255, 256, 6_553_599, 6_553_600, 2**31 - 1)
STRINGS = (b"", b"a", b"\0a", b"x" * 16, b"x" * 17, b"x" * 255, b"x" * 256)

DIFFERENCES: dict[SocketOption, tuple[frozenset[object], str]] = {
    O.MAXMSGSIZE: (frozenset({-(2**31), -100, -2}), "only -1 says no limit here"),
    O.HEARTBEAT_TTL: (frozenset({-2, -1}), "no time is negative; libzmq rounds these to 0"),
    O.INVERT_MATCHING: (frozenset({-(2**31), -100, -2, -1}), "a negative number is no truth value"),
    O.HEARTBEAT_TIMEOUT: (frozenset({-1}), "what reading gives can be set again"),
    O.BINDTODEVICE: (frozenset({b""}), "empty takes the device back"),
}
"""Where aiomq decides otherwise than libzmq, on which values, and why."""


@pytest.fixture(scope="module")
def context() -> Iterator[zmq.Context[Any]]:
    with zmq.Context() as context:
        yield context


def values_for(spec: OptionSpec) -> tuple[object, ...]:
    return STRINGS if spec.kind in {OptionKind.BYTES, OptionKind.STR} else INTEGERS


def outcome(spec: OptionSpec, value: object, socket_type: SocketType) -> OptionValue | None:
    """What reading gives after setting this value; True where it cannot be read, None where it is refused."""
    options = default_options(socket_type)
    try:
        kept = checked(spec, value, socket_type)
    except ZMQError as exc:
        assert exc.errno == errno.EINVAL  # noqa: PT017  # one of the two outcomes
        return None
    if not spec.attribute:
        return True
    store(options, spec, kept)
    return load(options, spec) if spec.readable else True


def outcome_in_libzmq(context: zmq.Context[Any], spec: OptionSpec, value: Any, socket_type: SocketType) -> object:
    with context.socket(int(socket_type)) as socket:
        socket.linger = 0
        try:
            socket.set(int(spec.option), value)
        except zmq.ZMQError:
            return None
        return socket.get(int(spec.option)) if spec.readable else True


# -- against libzmq --------------------------------------------------------------------------------------------------

SETTABLE = [spec for spec in OPTIONS.values() if spec.writable and spec.option not in NOT_IN_LIBZMQ]
READABLE = [spec for spec in OPTIONS.values() if spec.readable and spec.option not in NOT_IN_LIBZMQ]


@pytest.mark.parametrize("spec", SETTABLE, ids=lambda spec: spec.name)
def test_option_takes_what_libzmq_takes(spec: OptionSpec, context: zmq.Context[Any]) -> None:
    excepted = DIFFERENCES.get(spec.option, (frozenset(), ""))[0]
    for socket_type in (SocketType.PUSH, max((spec.socket_types or {SocketType.PUSH}) - {SocketType.XPUB})):
        for value in values_for(spec):
            ours = outcome(spec, value, socket_type)
            theirs = outcome_in_libzmq(context, spec, value, socket_type)
            assert (ours == theirs) == (value not in excepted), (value, socket_type, ours, theirs)


@pytest.mark.parametrize(
    "spec", [spec for spec in SETTABLE if spec.option not in SUBSCRIPTIONS], ids=lambda spec: spec.name
)
def test_option_is_of_the_types_that_libzmq_says(spec: OptionSpec, context: zmq.Context[Any]) -> None:
    value = 1 if values_for(spec) is INTEGERS else b"a"

    ours = {each for each in STABLE if outcome(spec, value, each) is not None}
    theirs = {each for each in STABLE if outcome_in_libzmq(context, spec, value, each) is not None}

    assert ours == theirs


@pytest.mark.parametrize("option", sorted(SUBSCRIPTIONS))
@pytest.mark.parametrize("socket_type", STABLE)
def test_subscription_is_for_sub_and_for_publishers_in_manual_mode(
    option: SocketOption, socket_type: SocketType, context: zmq.Context[Any]
) -> None:
    spec = OPTIONS[option]
    with context.socket(int(socket_type)) as socket:
        if socket_type in {SocketType.XPUB, SocketType.PUB}:
            socket.set(zmq.XPUB_MANUAL, 1)
        try:
            socket.set(int(option), b"topic")
            theirs = True
        except zmq.ZMQError:
            theirs = False

    assert (outcome(spec, b"topic", socket_type) is not None) == theirs


@pytest.mark.parametrize("spec", READABLE, ids=lambda spec: spec.name)
@pytest.mark.parametrize("socket_type", STABLE)
def test_option_reads_as_in_a_new_socket_of_libzmq(
    spec: OptionSpec, socket_type: SocketType, context: zmq.Context[Any]
) -> None:
    with context.socket(int(socket_type)) as socket:
        try:
            theirs = socket.get(int(spec.option))
        except zmq.ZMQError:
            with pytest.raises(ZMQError) as caught:
                check_readable(spec, socket_type)
            assert caught.value.errno == errno.EINVAL
            return

    check_readable(spec, socket_type)
    if spec.attribute:
        assert load(default_options(socket_type), spec) == theirs


@pytest.mark.parametrize("spec", [spec for spec in OPTIONS.values() if not spec.readable], ids=lambda spec: spec.name)
def test_option_that_libzmq_cannot_read_is_write_only(spec: OptionSpec, context: zmq.Context[Any]) -> None:
    socket_type = min(spec.socket_types or {SocketType.PUSH})
    with context.socket(int(socket_type)) as socket, pytest.raises(zmq.ZMQError):
        socket.get(int(spec.option))

    with pytest.raises(ZMQError, match=f"{spec.option.name} is write-only"):
        check_readable(spec, socket_type)


@pytest.mark.parametrize("spec", [spec for spec in OPTIONS.values() if not spec.writable], ids=lambda spec: spec.name)
def test_option_that_libzmq_cannot_set_is_read_only(spec: OptionSpec, context: zmq.Context[Any]) -> None:
    with context.socket(zmq.SUB) as socket, pytest.raises(zmq.ZMQError):
        socket.set(int(spec.option), b"" if spec.kind is OptionKind.STR else 1)

    with pytest.raises(ZMQError, match=f"{spec.option.name} is read-only"):
        checked(spec, 1, SocketType.SUB)


def test_hwm_sets_both_marks_and_reads_the_first_as_in_pyzmq(context: zmq.Context[Any]) -> None:
    options = default_options(SocketType.PAIR)
    options.rcvhwm = 7
    with context.socket(zmq.PAIR) as socket:
        socket.hwm = 5
        theirs = (socket.sndhwm, socket.rcvhwm, socket.hwm)

    store(options, OPTIONS[O.HWM], 5)

    assert (options.sndhwm, options.rcvhwm, load(options, OPTIONS[O.HWM])) == theirs


# -- the table -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", OPTIONS.values(), ids=lambda spec: spec.name)
def test_spec_is_whole(spec: OptionSpec) -> None:
    assert spec.doc.endswith(".")
    assert spec.accepted
    assert spec.readable or spec.writable
    assert SocketOption[spec.option.name] is spec.option
    for alias in spec.aliases:
        assert SocketOption[alias.upper()] is spec.option
    if spec.attribute:
        assert load(SocketOptions(), spec) == spec.default
    else:
        assert spec.default is None


def test_table_gives_every_field_of_the_struct_an_option() -> None:
    stored = {spec.attribute for spec in OPTIONS.values()} - {""}

    assert stored == set(SocketOptions.__struct_fields__)


@pytest.mark.parametrize("spec", [spec for spec in OPTIONS.values() if spec.attribute], ids=lambda spec: spec.name)
def test_stored_option_reads_back_what_was_set(spec: OptionSpec) -> None:
    options = SocketOptions()
    value: OptionValue = b"a" if values_for(spec) is STRINGS else min(spec.maximum or 1, 100)

    store(options, spec, checked(spec, value, None))

    assert load(options, spec) == (int(bool(value)) if spec.kind is OptionKind.BOOL else value)


@pytest.mark.parametrize("socket_type", list(SocketType))
def test_default_linger_is_none_where_only_subscriptions_are_sent(socket_type: SocketType) -> None:
    expected = 0 if socket_type.name in {"SUB", "XSUB", "DISH"} else -1

    assert default_options(socket_type).linger == expected


def test_default_options_are_not_shared() -> None:
    first = default_options(SocketType.PUSH)
    first.sndhwm = 1

    assert default_options(SocketType.PUSH).sndhwm == 1000
