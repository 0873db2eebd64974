"""The one table of socket options: what each is called, accepts, applies to, and when it takes effect.

Every option that libzmq has is in it, those that are refused too. Ranges and socket types are those that libzmq's
`zmq_setsockopt` checks, except where its check lets nonsense through; the tests name each such place.

Here are the options of sockets and patterns; the network's, security's and the refused ones have modules of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from aiomq.constants import SocketOption, SocketType
from aiomq.option_spec import (
    DEFAULTS,
    INT_MAX,
    OptionKind,
    OptionSpec,
    OptionStatus,
    listed,
    number,
    octets,
    state,
    switch,
    topic,
    type_switch,
)
from aiomq.option_table_network import NETWORK
from aiomq.option_table_refused import REFUSED
from aiomq.option_table_security import SECURITY
from aiomq.socket_types import PUBLISHERS

__all__ = ["OPTIONS"]

_T: TypeAlias = SocketType
_O: TypeAlias = SocketOption

_ROUTERS: Final = frozenset({_T.REP, _T.ROUTER})
_REQUESTERS: Final = frozenset({_T.REQ})
_MILLISECONDS: Final = "milliseconds"

_SPECS: Final = (
    # What a socket is and knows.
    state(_O.TYPE, "The type of the socket, as a `SocketType`."),
    state(_O.RCVMORE, "1 while the message being received has further frames."),
    state(_O.EVENTS, "What would not wait now, as `PollEvent` bits."),
    state(_O.LAST_ENDPOINT, "The endpoint of the last bind or connect, resolved.", kind=OptionKind.STR),
    state(_O.MECHANISM, "The security in use, as a `SecurityMechanism`.", attribute="mechanism"),
    state(_O.THREAD_SAFE, "1 for the types that libzmq lets threads share.", kind=OptionKind.BOOL),
    state(_O.TOPICS_COUNT, "How many distinct topics are subscribed to.", socket_types=PUBLISHERS | {_T.SUB, _T.XSUB}),
    # Queues.
    OptionSpec(
        option=_O.HWM,
        attribute="sndhwm",
        kind=OptionKind.INT,
        maximum=INT_MAX,
        default=DEFAULTS["sndhwm"],
        at_once=True,
        unit="messages",
        doc="Sets SNDHWM and RCVHWM; reads SNDHWM.",
    ),
    number(_O.SNDHWM, "How many messages may wait to go to one peer; 0 is no limit.", unit="messages", at_once=True),
    number(
        _O.RCVHWM, "How many messages of one peer may wait to be taken; 0 is no limit.", unit="messages", at_once=True
    ),
    number(
        _O.MAXMSGSIZE,
        "The largest frame taken from a peer, who is cut off at a larger one; -1 is no limit.",
        minimum=-1,
        maximum=2**63 - 1,
        unit="bytes",
    ),
    # Time.
    number(
        _O.LINGER,
        "How long a closed socket keeps sending what waits; 0 is not at all, -1 is until done.",
        minimum=-1,
        unit=_MILLISECONDS,
        at_once=True,
    ),
    number(
        _O.RCVTIMEO,
        "How long a receive waits; 0 is not at all, -1 is for ever.",
        minimum=-1,
        unit=_MILLISECONDS,
        at_once=True,
    ),
    number(
        _O.SNDTIMEO,
        "How long a send waits; 0 is not at all, -1 is for ever.",
        minimum=-1,
        unit=_MILLISECONDS,
        at_once=True,
    ),
    number(
        _O.RECONNECT_IVL,
        "How long to wait before connecting again; 0 and -1 are never.",
        minimum=-1,
        unit=_MILLISECONDS,
    ),
    number(
        _O.RECONNECT_IVL_MAX,
        "How far the wait before connecting again may double; 0 is no doubling.",
        unit=_MILLISECONDS,
    ),
    number(
        _O.CONNECT_TIMEOUT,
        "How long one attempt may take to connect, once its name is looked up; 0 is up to the system.",
        unit=_MILLISECONDS,
    ),
    number(
        _O.HANDSHAKE_IVL,
        "How long the handshake may take, and a ZAP handler beside it; 0 is no limit.",
        unit=_MILLISECONDS,
    ),
    number(_O.HEARTBEAT_IVL, "How often to send a PING; 0 is never.", unit=_MILLISECONDS),
    number(
        _O.HEARTBEAT_TTL,
        "How long the peer shall wait for a sign of life; 0 is no limit. Rounded down to 100.",
        maximum=6_553_599,
        step=100,
        unit=_MILLISECONDS,
    ),
    number(
        _O.HEARTBEAT_TIMEOUT,
        "How long to wait for a sign of life once a PING has left; 0 is no limit, -1 is HEARTBEAT_IVL.",
        minimum=-1,
        unit=_MILLISECONDS,
    ),
    # Patterns.
    octets(
        _O.ROUTING_ID,
        "The name under which ROUTER peers know this socket. Those they make up begin with a zero byte.",
        "identity",
        minimum=1,
        maximum=255,
    ),
    octets(
        _O.CONNECT_ROUTING_ID,
        "The routing id under which to know the peer of the next connect, and of that one alone.",
        "connect_rid",
        minimum=1,
        readable=False,
        socket_types=_ROUTERS | {_T.STREAM},
    ),
    topic(_O.SUBSCRIBE, "Adds a topic prefix: of SUB, or of the last subscriber of an XPUB with XPUB_MANUAL."),
    topic(_O.UNSUBSCRIBE, "Takes one count of a topic prefix back."),
    switch(_O.IMMEDIATE, "Queue messages only for peers with a finished connection.", "delay_attach_on_connect"),
    switch(_O.INVERT_MATCHING, "Deliver what matches no subscription.", strict=False, at_once=True),
    type_switch(
        _O.ROUTER_MANDATORY,
        _ROUTERS,
        "Fail instead of dropping what has no peer to go to.",
        "router_behavior",
        "fail_unroutable",
    ),
    type_switch(_O.ROUTER_HANDOVER, _ROUTERS, "Give a routing id to the newcomer that claims it."),
    type_switch(_O.PROBE_ROUTER, _ROUTERS | _REQUESTERS | {_T.DEALER}, "Greet every new peer with an empty message."),
    type_switch(_O.REQ_CORRELATE, _REQUESTERS, "Number the requests and match the replies. Goes with REQ_RELAXED."),
    type_switch(
        _O.REQ_RELAXED,
        _REQUESTERS,
        "Allow a new request before the reply to the last, which is taken for the new one's without REQ_CORRELATE.",
    ),
    type_switch(_O.XPUB_VERBOSE, PUBLISHERS, "Report every subscription. Ends XPUB_VERBOSER."),
    type_switch(_O.XPUB_VERBOSER, PUBLISHERS, "Report every subscription and every cancellation."),
    type_switch(_O.XPUB_MANUAL, PUBLISHERS, "Leave it to the user which subscriptions are made."),
    type_switch(
        _O.XPUB_MANUAL_LAST_VALUE, PUBLISHERS, "XPUB_MANUAL, and the next message goes to the last subscriber."
    ),
    type_switch(_O.XPUB_NODROP, PUBLISHERS | {_T.RADIO}, "Wait instead of dropping when a subscriber is full."),
    octets(
        _O.XPUB_WELCOME_MSG,
        "The first message to every new subscriber; empty is none.",
        readable=False,
        socket_types=PUBLISHERS,
        at_once=True,
    ),
    type_switch(
        _O.ONLY_FIRST_SUBSCRIBE, PUBLISHERS | {_T.XSUB}, "Take only the first frame of a message for a subscription."
    ),
    type_switch(
        _O.XSUB_VERBOSE_UNSUBSCRIBE, frozenset({_T.XSUB}), "Pass on every cancellation, not only the last of a topic."
    ),
    switch(_O.CONFLATE, "Keep only the last message for a peer, and of it: on DEALER, PUB, PULL, PUSH, SUB."),
    octets(
        _O.HELLO_MSG,
        "The first message to every new peer of a ROUTER, DEALER, SERVER, CLIENT, PEER; empty is none.",
        readable=False,
    ),
    octets(
        _O.DISCONNECT_MSG,
        "What a ROUTER, SERVER, PEER receives when a peer that had connected to it goes; empty is nothing.",
        readable=False,
    ),
    octets(
        _O.HICCUP_MSG,
        "What a DEALER, CLIENT, PEER receives when a connection that it had made is lost; empty is nothing.",
        readable=False,
    ),
    number(
        _O.ROUTER_NOTIFY,
        "Whether to receive an empty message of every peer that comes (1), that goes (2), or both (3).",
        maximum=3,
        socket_types=_ROUTERS,
    ),
    OptionSpec(
        option=_O.STREAM_NOTIFY,
        attribute="stream_notify",
        kind=OptionKind.BOOL,
        maximum=1,
        default=DEFAULTS["stream_notify"],
        readable=False,
        socket_types=frozenset({_T.STREAM}),
        doc="Receive an empty message of every peer that comes and that goes.",
    ),
    listed(
        _O.METADATA,
        "A property `X-name:value` to announce to peers. Each one set is one more; a name keeps its first value.",
        kind=OptionKind.STR,
        minimum=4,
        maximum=2**16,
        clears=False,
    ),
    OptionSpec(
        option=_O.AFFINITY,
        attribute="affinity",
        kind=OptionKind.INT64,
        minimum=-(2**63),
        maximum=2**64 - 1,
        default=DEFAULTS["affinity"],
        doc="Which I/O threads handle the connections, a bit each.",
        status=OptionStatus.KEPT,
        because="there are no I/O threads to choose from",
    ),
)

OPTIONS: Final[Mapping[SocketOption, OptionSpec]] = MappingProxyType(
    {spec.option: spec for spec in (*_SPECS, *NETWORK, *SECURITY, *REFUSED)}
)
"""What is known of each socket option."""
