"""The option table, held against what libzmq has and accepts."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any

import pytest
import zmq

from aiomq.constants import SocketOption, SocketType
from aiomq.errors import ZMQError
from aiomq.limits import LIMITS
from aiomq.options import (
    OPTIONS,
    OptionKind,
    OptionSpec,
    OptionStatus,
    OptionValue,
    SocketOptions,
    check_readable,
    checked,
    default_options,
    load,
    spec_of,
    store,
)

O = SocketOption  # noqa: E741  # a table of options reads better so
STABLE = [each for each in SocketType if each <= SocketType.STREAM]
NOT_IN_LIBZMQ = {
    O.HWM,
    O.XPUB_MANUAL_LAST_VALUE,
    O.XSUB_VERBOSE_UNSUBSCRIBE,
    O.PRIORITY,
    O.ROUTER_NOTIFY,
    O.HELLO_MSG,
    O.DISCONNECT_MSG,
    O.HICCUP_MSG,
    O.IN_BATCH_SIZE,
    O.OUT_BATCH_SIZE,
}
"""What pyzmq made up, and drafts that this build of libzmq has not."""

SUBSCRIPTIONS = {O.SUBSCRIBE, O.UNSUBSCRIBE}
"""What libzmq takes from publishers in manual mode alone: the pattern knows the mode."""

INTEGERS = (-(2**31), -100, -2, -1, 0, 1, 2, 99, 100, 255, 256, 6_553_599, 6_553_600, 2**31 - 1)
STRINGS = (b"", b"a", b"\0a", b"x" * 16, b"x" * 17, b"x" * 255, b"x" * 256)

PYZMQ_BUFFER = 255
KEYS = (b"", b"x" * 31, b"x" * 32, b"x" * 33, b"0" * 40, b"0" * 40 + b"\0", b"0" * 41, b'"' * 40, b"#" * 40)
FORMS: dict[SocketOption, tuple[bytes, ...]] = {
    O.METADATA: (
        *(b"", b"X", b"X-", b"X-a", b"X-:b", b"X-a:b", b"X-a:b:c", b"X-ab:", b"ab:cd", b":abcd", b"x-a:bc"),
        *(b"X-" + b"n" * 253 + b":v", b"X-" + b"n" * 254 + b":v"),
    ),
    O.TCP_ACCEPT_FILTER: (
        *(b"", b"127.0.0.1", b"127.0.0.0/8", b"127.1.2.3/8", b"0.0.0.0/0", b"10.0.0.0/32", b"10.0.0.0/33", b"a"),
        *(b"10.0.0.0/", b"10.0.0.0/-1", b"10.0.0.0/x", b"localhost", b"10.0.0", b"::1", b"::1/128", b"x" * 256),
    ),
    O.SOCKS_PROXY: (b"", b"127.0.0.1:1080", b"[::1]:1080", b"proxy.example:1", b"a", b"a:0", b":1", b"a:b", b"a:70000"),
}

DIFFERENCES: dict[SocketOption, tuple[frozenset[object], str]] = {
    O.MAXMSGSIZE: (frozenset({-(2**31), -100, -2}), "only -1 says no limit here"),
    O.HEARTBEAT_TTL: (frozenset({-2, -1}), "no time is negative; libzmq rounds these to 0"),
    O.INVERT_MATCHING: (frozenset({-(2**31), -100, -2, -1}), "a negative number is no truth value"),
    O.MULTICAST_LOOP: (frozenset({-(2**31), -100, -2, -1}), "a negative number is no truth value"),
    O.ZAP_ENFORCE_DOMAIN: (frozenset({-(2**31), -100, -2, -1}), "a negative number is no truth value"),
    O.HEARTBEAT_TIMEOUT: (frozenset({-1}), "what reading gives can be set again"),
    O.BINDTODEVICE: (frozenset({b""}), "empty takes the device back"),
    O.RECONNECT_STOP: (
        frozenset({-(2**31), -100, -2, -1, 99, 100, 255, 256, 6_553_599, 6_553_600, 2**31 - 1}),
        "there are three reasons to stop",
    ),
    O.IPC_FILTER_PID: (frozenset({-(2**31), -100, -2, -1}), "no process has such a number"),
    O.IPC_FILTER_UID: (frozenset({-(2**31), -100, -2, -1}), "no user has such a number"),
    O.IPC_FILTER_GID: (frozenset({-(2**31), -100, -2, -1}), "no group has such a number"),
    O.METADATA: (frozenset({b"X-:b"}), "libzmq takes four bytes for an integer"),
    O.TCP_ACCEPT_FILTER: (
        frozenset({b"", b"10.0.0", b"::1", b"::1/128"}),
        "empty takes the filters back; addresses have four parts; IPV6 may be set after the filter",
    ),
    O.SOCKS_PROXY: (
        frozenset({b"", b"a", b"a:0", b":1", b"a:b", b"a:70000"}),
        "empty takes the proxy back; libzmq finds out that it is no address when it connects",
    ),
}
"""Where aiomq decides otherwise than libzmq, on which values, and why."""


@pytest.fixture(scope="module")
def context() -> Iterator[zmq.Context[Any]]:
    with zmq.Context() as context:
        yield context


def values_for(spec: OptionSpec) -> tuple[object, ...]:
    if spec.kind is OptionKind.KEY:
        return KEYS
    texts = FORMS.get(spec.option, STRINGS)
    return texts if spec.kind in {OptionKind.BYTES, OptionKind.STR} else INTEGERS


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
    return load(options, spec) if readable_in_libzmq(spec) else True


def readable_in_libzmq(spec: OptionSpec) -> bool:
    """pyzmq asks with a size at which libzmq does not give keys."""
    return spec.readable and spec.kind is not OptionKind.KEY


def outcome_in_libzmq(context: zmq.Context[Any], spec: OptionSpec, value: Any, socket_type: SocketType) -> object:
    with context.socket(int(socket_type)) as socket:
        socket.linger = 0
        try:
            socket.set(int(spec.option), value)
        except zmq.ZMQError:
            return None
        if isinstance(value, bytes) and len(value) == PYZMQ_BUFFER and spec.kind is OptionKind.STR:
            return value  # pyzmq has no room for the zero after it
        return socket.get(int(spec.option)) if readable_in_libzmq(spec) else True


def good_value(spec: OptionSpec) -> Any:
    """A value that is taken and not the default."""
    if spec.kind is OptionKind.KEY:
        return b"k" * 32
    if spec.option in FORMS:
        return {O.METADATA: b"X-a:b", O.TCP_ACCEPT_FILTER: b"10.0.0.0/8", O.SOCKS_PROXY: b"a:1"}[spec.option]
    return b"a" if spec.kind in {OptionKind.BYTES, OptionKind.STR} else 1


# -- against libzmq --------------------------------------------------------------------------------------------------

SETTABLE = [spec for spec in OPTIONS.values() if spec.writable and spec.option not in NOT_IN_LIBZMQ]
READABLE = [spec for spec in OPTIONS.values() if readable_in_libzmq(spec) and spec.option not in NOT_IN_LIBZMQ]
REFUSED = [spec for spec in OPTIONS.values() if spec.status is OptionStatus.REFUSED]


@pytest.mark.parametrize("spec", SETTABLE, ids=lambda spec: spec.name)
def test_option_takes_what_libzmq_takes(spec: OptionSpec, context: zmq.Context[Any]) -> None:
    excepted = DIFFERENCES.get(spec.option, (frozenset(), ""))[0]
    having = (spec.socket_types or {SocketType.PUSH}) & set(STABLE)
    for socket_type in (SocketType.PUSH, max(having - {SocketType.XPUB})):
        for value in values_for(spec):
            ours = outcome(spec, value, socket_type)
            theirs = outcome_in_libzmq(context, spec, value, socket_type)
            assert (ours == theirs) == (value not in excepted), (value, socket_type, ours, theirs)


@pytest.mark.parametrize(
    "spec", [spec for spec in SETTABLE if spec.option not in SUBSCRIPTIONS], ids=lambda spec: spec.name
)
def test_option_is_of_the_types_that_libzmq_says(spec: OptionSpec, context: zmq.Context[Any]) -> None:
    value = good_value(spec)

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


@pytest.mark.parametrize("spec", [spec for spec in SETTABLE if not spec.readable], ids=lambda spec: spec.name)
def test_option_that_libzmq_cannot_read_is_write_only(spec: OptionSpec, context: zmq.Context[Any]) -> None:
    socket_type = min(spec.socket_types or {SocketType.PUSH})
    with context.socket(int(socket_type)) as socket, pytest.raises(zmq.ZMQError):
        socket.get(int(spec.option))

    with pytest.raises(ZMQError, match=f"{spec.option.name} is write-only"):
        check_readable(spec, socket_type)


@pytest.mark.parametrize("spec", [spec for spec in READABLE if not spec.writable], ids=lambda spec: spec.name)
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


SECURITY_STEPS: dict[str, tuple[SocketOption, Any]] = {
    "plain_server": (O.PLAIN_SERVER, 1),
    "no plain_server": (O.PLAIN_SERVER, 0),
    "plain_username": (O.PLAIN_USERNAME, b"name"),
    "plain_password": (O.PLAIN_PASSWORD, b"word"),
    "curve_server": (O.CURVE_SERVER, 1),
    "no curve_server": (O.CURVE_SERVER, 0),
    "curve_publickey": (O.CURVE_PUBLICKEY, b"p" * 32),
    "curve_secretkey": (O.CURVE_SECRETKEY, b"s" * 32),
    "curve_serverkey": (O.CURVE_SERVERKEY, b"0" * 40),
}


@pytest.mark.parametrize("first", SECURITY_STEPS)
@pytest.mark.parametrize("second", SECURITY_STEPS)
def test_security_options_set_in_any_order_give_libzmqs_mechanism_and_part(
    first: str, second: str, context: zmq.Context[Any]
) -> None:
    for third in SECURITY_STEPS:
        steps = [SECURITY_STEPS[each] for each in (first, second, third)]
        options = default_options(SocketType.DEALER)
        with context.socket(zmq.DEALER) as socket:
            for option, value in steps:
                socket.set(int(option), value)
                store(options, OPTIONS[option], checked(OPTIONS[option], value, SocketType.DEALER))
            theirs = tuple(socket.get(int(each)) for each in (O.MECHANISM, O.PLAIN_SERVER, O.CURVE_SERVER))
        ours = tuple(load(options, OPTIONS[each]) for each in (O.MECHANISM, O.PLAIN_SERVER, O.CURVE_SERVER))
        assert ours == theirs, steps


@pytest.mark.parametrize("option", [O.PLAIN_USERNAME, O.PLAIN_PASSWORD])
def test_login_taken_back_leaves_no_security(option: SocketOption) -> None:
    options = default_options(SocketType.DEALER)
    store(options, OPTIONS[option], checked(OPTIONS[option], "me", SocketType.DEALER))
    before = load(options, OPTIONS[O.MECHANISM])

    store(options, OPTIONS[option], checked(OPTIONS[option], None, SocketType.DEALER))

    assert (before, load(options, OPTIONS[O.MECHANISM])) == (zmq.PLAIN, zmq.NULL)
    assert load(options, OPTIONS[option]) == b""


# -- the table -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", OPTIONS.values(), ids=lambda spec: spec.name)
def test_spec_is_whole(spec: OptionSpec) -> None:
    assert spec.doc.endswith(".")
    assert spec.accepted
    assert spec.readable or spec.writable or spec.status is OptionStatus.REFUSED
    assert spec.because or spec.status is OptionStatus.WORKS
    assert SocketOption[spec.option.name] is spec.option
    for alias in spec.aliases:
        assert SocketOption[alias.upper()] is spec.option
    if spec.attribute and not spec.collects:
        assert load(SocketOptions(), spec) == spec.default
    else:
        assert spec.default is None


def test_table_gives_every_field_of_the_struct_an_option() -> None:
    stored = {spec.attribute for spec in OPTIONS.values()} - {""}

    assert stored == set(SocketOptions.__struct_fields__) - LIMITS


@pytest.mark.parametrize(
    "spec",
    [spec for spec in OPTIONS.values() if spec.attribute and spec.writable and not spec.collects],
    ids=lambda spec: spec.name,
)
def test_stored_option_reads_back_what_was_set(spec: OptionSpec) -> None:
    options = SocketOptions()
    value: OptionValue = good_value(spec) if isinstance(good_value(spec), bytes) else min(spec.maximum or 1, 100)

    store(options, spec, checked(spec, value, None))

    assert load(options, spec) == (int(bool(value)) if spec.kind is OptionKind.BOOL else value)


@pytest.mark.parametrize("spec", REFUSED, ids=lambda spec: spec.name)
def test_refused_option_is_refused_by_number_and_by_name_with_the_reason(spec: OptionSpec) -> None:
    for option in (int(spec.option), spec.name):
        with pytest.raises(ZMQError) as caught:
            spec_of(option)
        assert caught.value.errno == errno.EINVAL
        assert str(caught.value) == f"{spec.option.name} (option {int(spec.option)}) is refused: {spec.because}"


def test_option_numbers_are_all_in_the_table_with_libzmqs_numbers() -> None:
    assert set(OPTIONS) == set(SocketOption)
    for option in SocketOption:
        assert getattr(zmq, option.name, int(option)) == int(option)


@pytest.mark.parametrize("socket_type", list(SocketType))
def test_default_linger_is_none_where_only_subscriptions_are_sent(socket_type: SocketType) -> None:
    expected = 0 if socket_type.name in {"SUB", "XSUB", "DISH"} else -1

    assert default_options(socket_type).linger == expected


def test_default_options_are_not_shared() -> None:
    first = default_options(SocketType.PUSH)
    first.sndhwm = 1

    assert default_options(SocketType.PUSH).sndhwm == 1000
