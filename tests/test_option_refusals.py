"""Every option says no to what it does not take, and says what it does take."""

from __future__ import annotations

import errno
import re

import pytest

import aiomq
from aiomq.constants import SocketType
from aiomq.errors import ETERM
from aiomq.options import OPTIONS, OptionKind, OptionSpec, OptionStatus, check_readable, checked
from aiomq.patterns.table import PATTERNS

NUMBERS = {OptionKind.INT, OptionKind.INT64, OptionKind.BOOL}
WRITABLE = [spec for spec in OPTIONS.values() if spec.writable]
READ_ONLY = [spec for spec in OPTIONS.values() if spec.readable and not spec.writable]
WRITE_ONLY = [spec for spec in WRITABLE if not spec.readable]
TYPED = [spec for spec in OPTIONS.values() if spec.socket_types is not None]
SECRETS = {"curve_secretkey", "plain_password", "socks_password"}


def of(specs: list[OptionSpec]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("spec", specs, ids=lambda spec: spec.name)


def a_type(spec: OptionSpec) -> SocketType:
    return min(spec.socket_types or {SocketType.PUSH})


def named(spec: OptionSpec) -> str:
    return f"^{re.escape(spec.option.name)} takes "


@of(WRITABLE)
@pytest.mark.parametrize("value", [1.5, [], object(), {"a": 1}])
def test_value_of_no_kind_is_a_type_error(spec: OptionSpec, value: object) -> None:
    with pytest.raises(TypeError, match=named(spec)) as caught:
        checked(spec, value, a_type(spec))

    assert spec.accepted in str(caught.value)


@of([spec for spec in WRITABLE if spec.kind in NUMBERS])
@pytest.mark.parametrize("value", ["1", b"\1\0\0\0"])
def test_text_for_a_number_is_a_type_error(spec: OptionSpec, value: object) -> None:
    with pytest.raises(TypeError, match=named(spec)):
        checked(spec, value, a_type(spec))


@of([spec for spec in WRITABLE if spec.kind not in NUMBERS])
def test_number_for_text_is_a_type_error(spec: OptionSpec) -> None:
    with pytest.raises(TypeError, match=named(spec)):
        checked(spec, 1, a_type(spec))


@of([spec for spec in WRITABLE if not spec.clears])
def test_none_where_there_is_nothing_to_clear_is_a_type_error(spec: OptionSpec) -> None:
    with pytest.raises(TypeError, match=named(spec)):
        checked(spec, None, a_type(spec))


@of([spec for spec in WRITABLE if spec.clears])
def test_none_takes_back_what_was_set_and_the_option_says_so(spec: OptionSpec) -> None:
    assert checked(spec, None, a_type(spec)) is None
    assert spec.accepted.endswith("or None to clear it")


@of([spec for spec in WRITABLE if spec.kind in NUMBERS])
def test_number_out_of_range_is_einval_on_either_side(spec: OptionSpec) -> None:
    assert spec.maximum is not None
    for value in (spec.minimum - 1, spec.maximum + 1):
        with pytest.raises(aiomq.ZMQError, match=named(spec) + rf".*: {value} is out of range") as caught:
            checked(spec, value, a_type(spec))
        assert caught.value.errno == errno.EINVAL


@of([spec for spec in WRITABLE if spec.kind not in NUMBERS and (spec.minimum or spec.maximum)])
def test_text_too_short_or_too_long_is_einval(spec: OptionSpec) -> None:
    sizes = [spec.minimum - 1] if spec.minimum else []
    sizes += [spec.maximum + 1] if spec.maximum is not None else []
    for size in sizes:
        with pytest.raises(aiomq.ZMQError, match=named(spec)) as caught:
            checked(spec, b"x" * size, a_type(spec))
        assert caught.value.errno == errno.EINVAL


@of(TYPED)
def test_option_of_other_types_is_einval_that_lists_them(spec: OptionSpec) -> None:
    assert spec.socket_types is not None
    for socket_type in set(PATTERNS) - spec.socket_types:
        with pytest.raises(aiomq.ZMQError, match=f"^{spec.option.name} is an option of ") as caught:
            checked(spec, 1, socket_type) if spec.writable else check_readable(spec, socket_type)
        assert caught.value.errno == errno.EINVAL


@of(READ_ONLY)
def test_option_that_is_read_only_says_so(spec: OptionSpec) -> None:
    with pytest.raises(aiomq.ZMQError, match=f"^{spec.option.name} is read-only"):
        checked(spec, 1, a_type(spec))


@of(WRITE_ONLY)
def test_option_that_is_write_only_says_so(spec: OptionSpec) -> None:
    with pytest.raises(aiomq.ZMQError, match=f"^{spec.option.name} is write-only"):
        check_readable(spec, a_type(spec))


@of([spec for spec in WRITABLE if spec.name in SECRETS])
@pytest.mark.parametrize("value", ["hunter2" * 50, b"hunter2" * 50, ["hunter2"]])
def test_refused_secret_is_not_repeated(spec: OptionSpec, value: object) -> None:
    with pytest.raises((aiomq.ZMQError, TypeError)) as caught:
        checked(spec, value, a_type(spec))

    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("metadata", "X-a:", "METADATA takes a property, 'X-name:value', not b'X-a:': there is no ':' with a value"),
        ("metadata", "name:v", "the name does not begin with 'X-'"),
        ("metadata", "X-" + "n" * 254 + ":v", "the name is longer than 255 bytes"),
        ("tcp_accept_filter", "localhost", "TCP_ACCEPT_FILTER takes a network, 'address' or 'address/length'"),
        ("tcp_accept_filter", "10.0.0.0/255.0.0.0", "'255.0.0.0' is no length of a prefix"),
        ("tcp_accept_filter", "bücher", "TCP_ACCEPT_FILTER takes a network"),
        ("socks_proxy", "proxy", "SOCKS_PROXY takes the address of a proxy, 'host:port', or nothing, not b'proxy'"),
        ("socks_proxy", ":1080", "it is not host:port"),
        ("socks_proxy", "proxy:0", "'0' is no port from 1 to 65535"),
        ("socks_proxy", b"\xff:1", "SOCKS_PROXY takes the address of a proxy"),
        ("curve_publickey", "short", "CURVE_PUBLICKEY takes a key of 32 bytes, or of 40 characters of Z85"),
        ("curve_serverkey", '"' * 40, "the character at position 0 is not one of Z85"),
    ],
)
def test_value_without_its_form_is_einval_that_shows_the_form(option: str, value: object, words: str) -> None:
    with aiomq.Context() as context, pytest.raises(aiomq.ZMQError, match=re.escape(words)) as caught:
        context.socket(aiomq.DEALER, **{option: value})

    assert caught.value.errno == errno.EINVAL


@of([spec for spec in OPTIONS.values() if spec.status is not OptionStatus.REFUSED])
def test_closed_socket_has_no_options(spec: OptionSpec) -> None:
    with aiomq.Context() as context:
        socket = context.socket(a_type(spec) if a_type(spec) in PATTERNS else SocketType.PUSH)
        socket.close()
        for call in (lambda: socket.get(spec.option), lambda: socket.set(spec.option, 1)):
            with pytest.raises(aiomq.ZMQError) as caught:
                call()
            assert caught.value.errno == errno.ENOTSOCK


def test_socket_of_a_terminated_context_has_no_options() -> None:
    context = aiomq.Context()
    socket = context.socket(aiomq.PUSH)
    context.shutdown()
    for call in (lambda: socket.get("linger"), lambda: socket.set("linger", 1)):
        with pytest.raises(aiomq.ContextTerminated) as caught:
            call()
        assert caught.value.errno == ETERM
    context.destroy()


@of([spec for spec in OPTIONS.values() if spec.status is OptionStatus.REFUSED])
def test_refused_option_is_refused_as_an_attribute_too(spec: OptionSpec) -> None:
    with aiomq.Context() as context, context.socket(aiomq.PUSH) as socket:
        with pytest.raises(AttributeError, match=f"{spec.option.name} .* is refused"):
            setattr(socket, spec.name, 1)
        with pytest.raises(AttributeError, match=f"{spec.option.name} .* is refused"):
            getattr(socket, spec.name)
