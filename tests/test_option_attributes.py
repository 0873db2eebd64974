"""Options as attributes of whatever has `get` and `set`."""

from __future__ import annotations

import errno
import sys

import pytest

from aiomq.constants import PollEvent, SecurityMechanism, SocketOption, SocketType
from aiomq.errors import ZMQError
from aiomq.option_attributes import Option, OptionAttributes, State, StateAttributes
from aiomq.options import (
    OPTIONS,
    OptionKind,
    OptionValue,
    SocketOptions,
    check_readable,
    checked,
    default_options,
    load,
    spec_of,
    store,
)


class Holder(OptionAttributes, StateAttributes):
    """The least that has options: a socket of one type without anything behind it."""

    __slots__ = ("options", "socket_type")

    def __init__(self, socket_type: SocketType) -> None:
        self.socket_type = socket_type
        self.options = default_options(socket_type)

    def get(self, option: SocketOption) -> OptionValue:
        spec = spec_of(option)
        check_readable(spec, self.socket_type)
        if spec.attribute:
            return load(self.options, spec)
        if spec.option is SocketOption.LAST_ENDPOINT:
            return b"tcp://127.0.0.1:5555"
        return int(self.socket_type) if spec.option is SocketOption.TYPE else 2

    def set(self, option: SocketOption, value: int | bytes | str | None) -> None:
        spec = spec_of(option)
        store(self.options, spec, checked(spec, value, self.socket_type))


TEXTS = {OptionKind.BYTES, OptionKind.STR, OptionKind.KEY}
SETTABLE = {name: each.option for name, each in vars(OptionAttributes).items() if isinstance(each, Option)}
FIXED = {name: each.option for name, each in vars(StateAttributes).items() if isinstance(each, State)}


def test_attributes_are_those_that_the_table_names() -> None:
    methods = {"subscribe", "unsubscribe"}
    settable = {name: spec.option for spec in OPTIONS.values() if spec.writable for name in (spec.name, *spec.aliases)}
    fixed = {spec.name: spec.option for spec in OPTIONS.values() if spec.readable and not spec.writable}

    assert {name: each for name, each in settable.items() if name not in methods} == SETTABLE
    assert fixed == FIXED


@pytest.mark.parametrize("name", sorted(name for name, option in SETTABLE.items() if OPTIONS[option].readable))
def test_attribute_reads_as_the_type_of_its_option(name: str) -> None:
    holder = Holder(SocketType.ROUTER)
    spec = OPTIONS[SETTABLE[name]]

    assert type(getattr(holder, name)) is (bytes if spec.kind in TEXTS else int)


def test_attribute_sets_and_reads_its_option() -> None:
    holder = Holder(SocketType.DEALER)
    holder.sndhwm = 10
    holder.identity = b"me"
    holder.ipv6 = True
    holder.bindtodevice = "eth0"

    assert (holder.sndhwm, holder.routing_id, holder.ipv6, holder.bindtodevice) == (10, b"me", 1, b"eth0")
    assert holder.options == SocketOptions(sndhwm=10, routing_id=b"me", ipv6=True, bindtodevice=b"eth0")


def test_attribute_set_to_nonsense_raises_as_set_does() -> None:
    holder = Holder(SocketType.PUSH)

    with pytest.raises(ZMQError, match="SNDHWM takes an integer"):
        holder.sndhwm = -1
    with pytest.raises(ZMQError, match="ROUTER_MANDATORY is an option of REP, ROUTER sockets"):
        holder.router_mandatory = True


def test_attribute_that_cannot_be_read_is_none_for_hasattr() -> None:
    holder = Holder(SocketType.ROUTER)
    holder.router_mandatory = True

    assert not hasattr(holder, "router_mandatory")
    with pytest.raises(AttributeError, match="ROUTER_MANDATORY is write-only"):
        _ = holder.router_mandatory


def test_attribute_of_a_closed_holder_raises_what_get_raises() -> None:
    class Closed(Holder):
        __slots__ = ()

        def get(self, option: SocketOption) -> OptionValue:
            raise ZMQError(errno.ENOTSOCK)

    with pytest.raises(ZMQError) as caught:
        _ = Closed(SocketType.PUSH).linger
    assert caught.value.errno == errno.ENOTSOCK


def test_state_attributes_read_as_what_they_mean() -> None:
    holder = Holder(SocketType.SUB)
    holder.curve_publickey = "0" * 40

    assert holder.type is SocketType.SUB
    assert holder.events == PollEvent.POLLOUT
    assert holder.mechanism is SecurityMechanism.CURVE
    assert holder.last_endpoint == "tcp://127.0.0.1:5555"
    assert holder.rcvmore is True
    assert holder.thread_safe is True
    assert holder.topics_count == 2


def test_state_attribute_cannot_be_set() -> None:
    holder = Holder(SocketType.SUB)

    with pytest.raises(ZMQError, match="EVENTS is read-only"):
        holder.events = PollEvent.POLLIN  # type: ignore[assignment]  # what is tested


def test_attribute_of_the_class_is_the_option_itself() -> None:
    assert repr(OptionAttributes.sndhwm) == "<Option SNDHWM>"
    assert repr(StateAttributes.events) == "<State EVENTS>"


def test_attribute_that_clears_takes_none_and_a_list_takes_one_more_each_time() -> None:
    holder = Holder(SocketType.PULL)
    holder.socks_proxy = "proxy.example:1080"
    holder.plain_username = "me"
    holder.tcp_accept_filter = "10.0.0.0/8"
    holder.tcp_accept_filter = b"127.0.0.1"
    holder.tcp_accept_filter = "127.0.0.1"
    set_before = (holder.socks_proxy, holder.plain_username, len(holder.options.tcp_accept_filter))
    holder.socks_proxy = None
    holder.plain_username = None
    holder.tcp_accept_filter = None

    assert set_before == (b"proxy.example:1080", b"me", 3)
    assert holder.options == default_options(SocketType.PULL)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the IPC filters are Linux's")
def test_numbers_that_collect_are_kept_once_each() -> None:
    holder = Holder(SocketType.PULL)
    for number in (1, 2, 1):
        holder.ipc_filter_uid = number
    before = holder.options.ipc_filter_uid
    holder.ipc_filter_uid = None

    assert before == {1, 2}
    assert holder.options.ipc_filter_uid == frozenset()


def test_metadata_keeps_the_first_value_of_a_name_as_libzmq_does() -> None:
    holder = Holder(SocketType.PULL)
    for each in ("X-a:1", b"X-b:2:3", "X-a:4"):
        holder.metadata = each

    assert holder.options.metadata == ((b"X-a", b"1"), (b"X-b", b"2:3"))
