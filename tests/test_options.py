"""Finding an option, checking a value, and what follows from it."""

from __future__ import annotations

import contextlib
import errno
from typing import Any

import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st

from aiomq.constants import SocketOption, SocketType
from aiomq.errors import ZMQError
from aiomq.options import OPTIONS, OptionSpec, SocketOptions, checked, load, spec_of, store

O = SocketOption  # noqa: E741  # a table of options reads better so

# -- finding an option -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", [23, O.SNDHWM, zmq.SNDHWM, "sndhwm", "SNDHWM", "SndHwm"])
def test_spec_of_finds_by_number_and_by_name(option: int | str) -> None:
    assert spec_of(option) is OPTIONS[O.SNDHWM]


@pytest.mark.parametrize(
    ("alias", "option"),
    [
        ("identity", O.ROUTING_ID),
        ("connect_rid", O.CONNECT_ROUTING_ID),
        ("delay_attach_on_connect", O.IMMEDIATE),
        ("fail_unroutable", O.ROUTER_MANDATORY),
        ("ROUTER_BEHAVIOR", O.ROUTER_MANDATORY),
    ],
)
def test_spec_of_finds_by_older_name(alias: str, option: SocketOption) -> None:
    assert spec_of(alias).option is option


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("sndhwn", "did you mean sndhwm"),
        ("heartbeat", "did you mean heartbeat_"),
        ("zzzz", "there is no socket option named 'zzzz': aiomq.SocketOption lists them"),
        ("", "there is no socket option named ''"),
        (999, "there is no socket option with number 999"),
        (-1, "there is no socket option with number -1"),
        (O.GSSAPI_SERVER, "GSSAPI_SERVER \\(option 62\\) is refused: the GSSAPI mechanism needs a Kerberos library"),
        ("norm_mode", "NORM_MODE \\(option 117\\) is refused: there is no norm transport"),
        ("Blocky", "BLOCKY \\(option 70\\) is refused: it is an option of the context"),
    ],
)
def test_spec_of_unknown_option_says_which_there_are(option: int | str, words: str) -> None:
    with pytest.raises(ZMQError, match=words) as caught:
        spec_of(option)
    assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize("option", [None, 1.5, b"sndhwm", ()])
def test_spec_of_neither_number_nor_name_is_a_type_error(option: Any) -> None:
    with pytest.raises(TypeError, match="an option is a SocketOption, its number or its name"):
        spec_of(option)


# -- checking a value --------------------------------------------------------------------------------------------------


class Five:
    """An integer of some other library, such as numpy's."""

    def __index__(self) -> int:
        return 5


@pytest.mark.parametrize(("value", "kept"), [(5, 5), (True, 1), (Five(), 5), (O.AFFINITY, 4)])
def test_number_takes_whatever_is_an_integer(value: object, kept: int) -> None:
    result = checked(OPTIONS[O.SNDHWM], value, SocketType.PUSH)

    assert result == kept
    assert type(result) in {int, bool}


@pytest.mark.parametrize("value", ["5", b"5", 5.0, None, [5]])
@pytest.mark.parametrize("option", [O.SNDHWM, O.MAXMSGSIZE, O.IPV6])
def test_number_of_other_type_is_a_type_error_that_names_the_option(option: SocketOption, value: object) -> None:
    with pytest.raises(TypeError, match=f"{option.name} takes (an integer from|0 or 1)"):
        checked(OPTIONS[option], value, SocketType.PUSH)


@pytest.mark.parametrize("value", [b"id", bytearray(b"id"), memoryview(b"id")])
def test_bytes_are_kept_as_a_copy(value: object) -> None:
    result = checked(OPTIONS[O.ROUTING_ID], value, SocketType.DEALER)

    assert result == b"id"
    assert type(result) is bytes


@pytest.mark.parametrize(("value", "hint"), [("id", ": encode it first"), (5, ""), (None, ""), ([1], "")])
def test_bytes_of_other_type_are_a_type_error_that_names_the_option(value: object, hint: str) -> None:
    with pytest.raises(TypeError) as caught:
        checked(OPTIONS[O.ROUTING_ID], value, SocketType.DEALER)

    assert str(caught.value) == f"ROUTING_ID takes 1 to 255 bytes, not {value!r}{hint}"


@pytest.mark.parametrize(("value", "kept"), [("eth0", b"eth0"), (b"eth0", b"eth0"), ("é", "é".encode())])
def test_text_is_kept_as_its_bytes(value: object, kept: bytes) -> None:
    assert checked(OPTIONS[O.BINDTODEVICE], value, SocketType.PUSH) == kept


def test_text_that_has_no_bytes_is_refused() -> None:
    with pytest.raises(ZMQError, match="BINDTODEVICE takes 0 to 16 bytes of text, or None to clear it"):
        checked(OPTIONS[O.BINDTODEVICE], "\ud800", SocketType.PUSH)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        (O.SNDHWM, -1, "SNDHWM takes an integer from 0 to 2147483647 (messages): -1 is out of range"),
        (O.SNDHWM, 2**31, "SNDHWM takes an integer from 0 to 2147483647 (messages): 2147483648 is out of range"),
        (O.IMMEDIATE, 2, "IMMEDIATE takes 0 or 1 (False or True): 2 is out of range"),
        (O.ROUTING_ID, b"", "ROUTING_ID takes 1 to 255 bytes, got 0"),
        (O.ROUTING_ID, b"x" * 256, "ROUTING_ID takes 1 to 255 bytes, got 256"),
        (O.XPUB_VERBOSE, 1, "XPUB_VERBOSE is an option of PUB, XPUB sockets, a PUSH has it not"),
        (O.TYPE, 1, "TYPE is read-only"),
    ],
)
def test_refused_value_names_the_option_and_what_is_accepted(option: SocketOption, value: object, words: str) -> None:
    with pytest.raises(ZMQError) as caught:
        checked(OPTIONS[option], value, SocketType.PUSH)

    assert str(caught.value) == words
    assert caught.value.errno == errno.EINVAL


def test_value_for_no_type_in_particular_is_checked_for_range_alone() -> None:
    assert checked(OPTIONS[O.XPUB_VERBOSE], 1, None) is True
    with pytest.raises(ZMQError, match="out of range"):
        checked(OPTIONS[O.XPUB_VERBOSE], -1, None)


@pytest.mark.parametrize(("given_ttl", "kept"), [(0, 0), (50, 0), (199, 100), (6_553_599, 6_553_500)])
def test_heartbeat_ttl_is_rounded_down_to_tenths_of_a_second(given_ttl: int, kept: int) -> None:
    assert checked(OPTIONS[O.HEARTBEAT_TTL], given_ttl, SocketType.PUSH) == kept


# -- what follows from a value -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "verbose", "verboser"),
    [
        ([(O.XPUB_VERBOSE, True)], True, False),
        ([(O.XPUB_VERBOSER, True)], True, True),
        ([(O.XPUB_VERBOSER, True), (O.XPUB_VERBOSE, True)], True, False),
        ([(O.XPUB_VERBOSER, True), (O.XPUB_VERBOSE, False)], False, False),
        ([(O.XPUB_VERBOSE, True), (O.XPUB_VERBOSER, False)], False, False),
    ],
)
def test_verbose_and_verboser_replace_each_other(
    settings: list[tuple[SocketOption, bool]], verbose: bool, verboser: bool
) -> None:
    options = SocketOptions()
    for option, value in settings:
        store(options, OPTIONS[option], value)

    assert (options.xpub_verbose, options.xpub_verboser) == (verbose, verboser)


@pytest.mark.parametrize("value", [True, False])
def test_manual_last_value_turns_manual_with_it(value: bool) -> None:
    options = SocketOptions(xpub_manual=not value)

    store(options, OPTIONS[O.XPUB_MANUAL_LAST_VALUE], value)

    assert options.xpub_manual is value


def test_ipv4only_is_the_opposite_of_ipv6() -> None:
    options = SocketOptions()
    store(options, OPTIONS[O.IPV4ONLY], False)

    assert options.ipv6 is True
    assert load(options, OPTIONS[O.IPV4ONLY]) == 0
    assert load(options, OPTIONS[O.IPV6]) == 1


# -- whatever comes ----------------------------------------------------------------------------------------------------

SETTABLE = [spec.option for spec in OPTIONS.values() if spec.writable and spec.attribute]
VALUES = st.one_of(
    st.integers(), st.booleans(), st.binary(max_size=300), st.text(max_size=20), st.floats(), st.none(), st.just([])
)


@given(
    spec=st.sampled_from(sorted(OPTIONS.values(), key=lambda spec: spec.option)),
    value=VALUES,
    socket_type=st.sampled_from(SocketType),
)
def test_any_value_is_kept_within_the_limits_or_refused_with_a_reason(
    spec: OptionSpec, value: object, socket_type: SocketType
) -> None:
    try:
        kept = checked(spec, value, socket_type)
    except (ZMQError, TypeError) as exc:
        assert str(exc).startswith(spec.option.name)  # noqa: PT017  # one of the two outcomes
        return

    if kept is None:
        assert value is None
        assert spec.clears
        return
    size = len(kept) if isinstance(kept, bytes) else kept
    assert spec.minimum <= size <= (size if spec.maximum is None else spec.maximum)
    assert checked(spec, kept, socket_type) == kept


@given(name=st.text(max_size=20))
def test_any_name_finds_an_option_or_is_refused(name: str) -> None:
    try:
        spec = spec_of(name)
    except ZMQError as exc:
        assert exc.errno == errno.EINVAL  # noqa: PT017  # one of the two outcomes
    else:
        assert name.lower() in {spec.name, *spec.aliases}


@given(
    settings=st.lists(st.tuples(st.sampled_from(sorted(SETTABLE)), VALUES), max_size=8),
)
def test_values_that_are_taken_are_stored_without_an_error(settings: list[tuple[SocketOption, object]]) -> None:
    options, defaults = SocketOptions(), SocketOptions()
    for option, value in settings:
        spec = OPTIONS[option]
        with contextlib.suppress(ZMQError, TypeError):  # refused: what is checked is what was taken
            kept = checked(spec, value, None)
            store(options, spec, kept)
            assert type(getattr(options, spec.attribute)) in {type(getattr(defaults, spec.attribute)), int}
