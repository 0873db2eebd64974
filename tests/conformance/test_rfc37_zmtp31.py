"""RFC 37, ZMTP 3.1: each clause that concerns the sockets, with a peer that speaks 3.1.

The scenarios of the clauses that RFC 23 has too are in `greeting_clauses` and `traffic_clauses`. What has no test here
is in the README beside, with the reason; heartbeats are in `test_rfc37_heartbeating`.
"""

from __future__ import annotations

import pytest

import aiomq
from tests.conformance import greeting_clauses as greetings
from tests.conformance import traffic_clauses as traffic
from tests.conformance.greeting_clauses import LEGAL_PEERS, TYPES
from tests.conformance.scripted_peer import (
    NULL_GREETING,
    ROLES,
    SIGNATURE,
    V10,
    V20,
    V31,
    Dialect,
    meet,
    metadata,
    ready,
    receive,
    signature,
    talk,
)

each_type = pytest.mark.parametrize("ours", TYPES, ids=lambda ours: ours.name)
each_role = pytest.mark.parametrize("role", ROLES)
newer = pytest.mark.parametrize(("major", "minor"), [(3, 1), (3, 2), (4, 0), (255, 255)])

# -- Version Negotiation ----------------------------------------------------------------------------------------------


async def test_rfc37_version_negotiation_partial_greeting_is_sent_first(context: aiomq.Context) -> None:
    """Whoever can downgrade sends the first 11 octets and no more. As in libzmq, the 11th follows the peer's tenth."""
    await greetings.partial_greeting_goes_first(context, V31)


async def test_rfc37_version_negotiation_eleven_octets_are_read_to_decide_on_a_downgrade(
    context: aiomq.Context,
) -> None:
    """The peer's first 11 octets, the last of which is its version, settle what to speak: nothing goes before."""
    await greetings.eleven_octets_are_read_before_it_decides(context, V31)


async def test_rfc37_version_negotiation_padding_has_no_significance(context: aiomq.Context) -> None:
    """Whatever the eight padding octets of the peer are, they are neither checked nor used."""
    await greetings.padding_means_nothing(context, V31)


@newer
async def test_rfc37_version_negotiation_higher_version_is_accepted(
    context: aiomq.Context, major: int, minor: int
) -> None:
    """A peer of a version from 3.1 on is valid, known or not."""
    await greetings.higher_version_is_accepted(context, major, minor)


@newer
async def test_rfc37_version_negotiation_own_protocol_is_used_with_higher_versions(
    context: aiomq.Context, major: int, minor: int
) -> None:
    """A newer peer gets our own version, in the greeting and in the frames; it is the one to step down."""
    await greetings.own_version_is_spoken_to(context, major, minor)


@pytest.mark.parametrize("octets", [SIGNATURE + b"\x01\x05", b"\x01\x00"], ids=["2.0", "1.0"])
def test_rfc37_version_negotiation_connection_is_closed_if_it_cannot_downgrade(octets: bytes) -> None:
    """Where an older version will not do, because it has no security, the connection must end."""
    greetings.old_peer_is_refused_by_a_secure_one(octets)


# -- Topology, Authentication and Confidentiality ---------------------------------------------------------------------


async def test_rfc37_topology_as_server_has_no_significance_without_roles(context: aiomq.Context) -> None:
    """NULL knows no server: whichever the peer says it is, binding or connecting, it is a peer."""
    await greetings.as_server_means_nothing(context, V31)


async def test_rfc37_authentication_mechanism_name_has_legal_characters_only(context: aiomq.Context) -> None:
    """The name of a mechanism is of A to Z, digits, `-` and `_`, and NULs fill it up to 20 octets."""
    await greetings.mechanism_name_is_legal(context, V31)


async def test_rfc37_authentication_full_greeting_is_answered_with_a_full_greeting(context: aiomq.Context) -> None:
    """Who has read a whole greeting must send the whole of its own, so that no two peers wait for each other."""
    await greetings.whole_greeting_is_answered_with_a_whole_one(context, V31)


@pytest.mark.parametrize("name", [b"PLAIN", b"CURVE", b"null", b"NULLX", b"NUL", b"", b"NULL\0NULL"])
async def test_rfc37_authentication_other_mechanism_closes_the_connection(context: aiomq.Context, name: bytes) -> None:
    """All 20 octets must be the same on both sides. As in libzmq there is no further attempt, and an event says why."""
    await greetings.other_mechanism_closes(context, V31, name)


# -- Error Handling ---------------------------------------------------------------------------------------------------


async def test_rfc37_error_handling_error_command_is_fatal(context: aiomq.Context) -> None:
    """An ERROR in the handshake closes the connection, and the same credentials are not tried again."""
    await greetings.error_command_ends_it_for_good(context, V31)


async def test_rfc37_error_handling_unexpected_close_is_temporary(context: aiomq.Context) -> None:
    """A connection that just ends, at whatever point, is made again."""
    await greetings.unexpected_close_is_temporary(context, V31)


# -- Framing ----------------------------------------------------------------------------------------------------------


async def test_rfc37_framing_reserved_bits_are_zero(context: aiomq.Context) -> None:
    """Bits 7 to 3 of the flags are zero in what is sent. In what comes they are ignored, as in libzmq."""
    await traffic.reserved_bits_are_zero(context, V31)


async def test_rfc37_framing_more_is_zero_on_command_frames(context: aiomq.Context) -> None:
    """A command is one frame: it never says that more follow."""
    await traffic.commands_have_no_more_bit(context, V31)


async def test_rfc37_messages_are_delivered_whole(context: aiomq.Context) -> None:
    """Nothing of a message is to be seen before its last frame has come."""
    await traffic.message_is_delivered_whole(context, V31)


async def test_rfc37_messages_of_a_lost_peer_are_delivered_whole_or_not(context: aiomq.Context) -> None:
    """A message whose last frame never came is dropped; whole ones before it are delivered."""
    await traffic.half_a_message_is_dropped_with_its_connection(context, V31)


# -- The NULL Security Mechanism --------------------------------------------------------------------------------------


async def test_rfc37_null_connecting_peer_sends_ready_and_waits_for_one(context: aiomq.Context) -> None:
    """Who connects is the client, and sends READY first: no message leaves before the other's READY has come."""
    socket = context.socket(aiomq.DEALER)
    async with meet(socket, "connects") as peer:
        await socket.send(b"queued")
        await peer.says(greetings.greeting(V31))
        await peer.hears(SIGNATURE + b"\x03\x01" + NULL_GREETING + ready(aiomq.DEALER))
        await peer.hears_nothing()
        await peer.says(ready(aiomq.ROUTER))
        await peer.hears(V31.message(b"queued"))


async def test_rfc37_null_binding_peer_sends_ready(context: aiomq.Context) -> None:
    """Who binds is the server, and must reply with READY. As in libzmq it does not wait for the client's to come."""
    await greetings.ready_is_sent_before_one_is_heard(context, V31, "binds")


async def test_rfc37_null_as_server_is_zero(context: aiomq.Context) -> None:
    """Nobody is a server with NULL, whether it binds or connects, and the rest of the greeting is zero too."""
    await greetings.as_server_is_zero(context, V31)


@pytest.mark.parametrize("data", [metadata((b"", b"x")), b"\x00" * 5, b"\x00"], ids=["value", "no-value", "cut"])
async def test_rfc37_null_property_without_name_is_not_valid(context: aiomq.Context, data: bytes) -> None:
    """The name of a property has one octet at least."""
    await greetings.metadata_is_refused(context, V31, data)


@pytest.mark.parametrize("size", [1, 255])
async def test_rfc37_null_property_name_has_1_to_255_characters(context: aiomq.Context, size: int) -> None:
    """The shortest name and the longest are taken."""
    await greetings.metadata_is_accepted(context, V31, (b"n" * size, b"value"))


async def test_rfc37_null_case_of_property_names_is_not_significant(context: aiomq.Context) -> None:
    """Names are known in any case. libzmq knows them in the RFC's own case only, which is what is sent."""
    await greetings.case_of_names_means_nothing(context, V31)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 40_000])
async def test_rfc37_null_property_value_may_have_any_size(context: aiomq.Context, size: int) -> None:
    """A value may be empty or large. What a stranger can make us hold ends at 64 KiB for the whole command."""
    await greetings.metadata_is_accepted(context, V31, (b"X-value", b"v" * size))


@pytest.mark.parametrize(
    "value_size", [b"\x00\x00\x00\x06", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x05\x00\x00\x00"]
)
async def test_rfc37_null_property_value_size_is_four_octets_in_network_order(
    context: aiomq.Context, value_size: bytes
) -> None:
    """A size is read as big-endian: one that promises more than there is, as this one of 5 octets, is not valid."""
    await greetings.metadata_is_refused(context, V31, b"\x03X-a" + value_size + b"value")


# -- Connection Metadata ----------------------------------------------------------------------------------------------


async def test_rfc37_metadata_are_exchanged(context: aiomq.Context) -> None:
    """The mechanism carries properties, as names and values, both ways."""
    await greetings.metadata_reach_the_other_side(context, V31)


async def test_rfc37_metadata_names_are_case_insensitive(context: aiomq.Context) -> None:
    """The same goes for the metadata of any mechanism as for NULL's READY."""
    await greetings.case_of_names_means_nothing(context, V31)


async def test_rfc37_metadata_x_names_are_reserved_for_applications(context: aiomq.Context) -> None:
    """A property of the application's own is taken; none such is sent (see the announcement of each type)."""
    await greetings.metadata_is_accepted(context, V31, (b"X-app", b"v1"), (b"x-", b""), (b"Unheard-Of", b"1"))


@each_type
async def test_rfc37_socket_type_property_names_the_type(context: aiomq.Context, ours: aiomq.SocketType) -> None:
    """Each type announces itself by its name. As in libzmq REQ, DEALER and ROUTER add an Identity, be it empty."""
    await greetings.type_is_announced(context, V31, ours)


@each_type
async def test_rfc37_socket_type_property_of_an_illegal_peer_is_refused(
    context: aiomq.Context, ours: aiomq.SocketType
) -> None:
    """Only the types of the list may be peers. Others get an ERROR (libzmq closes without a word), then the end."""
    await greetings.illegal_types_are_refused(context, V31, ours)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(aiomq.PULL, aiomq.PUSH), (aiomq.REP, aiomq.REQ), (aiomq.DEALER, aiomq.DEALER), (aiomq.PAIR, aiomq.PAIR)],
    ids=lambda value: value.name,
)
async def test_rfc37_identity_property_is_ignored_by_all_but_router(
    context: aiomq.Context, ours: aiomq.SocketType, theirs: aiomq.SocketType
) -> None:
    """An Identity means something to a ROUTER alone."""
    await greetings.identity_is_ignored_by(context, V31, ours, theirs)


async def test_rfc37_identity_property_has_up_to_255_octets(context: aiomq.Context) -> None:
    """A longer routing id cannot be set; one of 255 octets is announced whole."""
    await greetings.identity_has_up_to_255_octets(context, V31)


async def test_rfc37_identity_property_made_up_by_a_router_begins_with_zero(context: aiomq.Context) -> None:
    """An identity that begins with a zero octet is reserved for implementations: those that a ROUTER makes up do."""
    socket = context.socket(aiomq.ROUTER)
    async with talk(socket, V31, aiomq.DEALER) as peer:
        await peer.says(V31.message(b"x"))
        routing_id, _ = await receive(socket)
        assert (routing_id[0], len(routing_id)) == (0, 5)


async def test_rfc37_identity_property_that_begins_with_zero_is_taken_all_the_same(context: aiomq.Context) -> None:
    """An application should not choose one. As in libzmq it is checked neither when it is set nor when it comes."""
    socket = context.socket(aiomq.ROUTER, routing_id=b"\x00us")
    async with talk(socket, V31, aiomq.DEALER, their_id=b"\x00them") as peer:
        await peer.says(V31.message(b"x"))
        assert await receive(socket) == [b"\x00them", b"x"]


@pytest.mark.parametrize("resource", [b"system/name-service/test", b"", b"//"])
async def test_rfc37_resource_property_is_accepted_whatever_it_asks_for(
    context: aiomq.Context, resource: bytes
) -> None:
    """A resource may appear later, so no request for one is refused. As in libzmq nothing else comes of it."""
    await greetings.metadata_is_accepted(context, V31, (b"Resource", resource))


# -- Socket Semantics -------------------------------------------------------------------------------------------------


@each_type
async def test_rfc37_sockets_accept_and_make_connections(context: aiomq.Context, ours: aiomq.SocketType) -> None:
    """Every type binds, and every type connects."""
    await traffic.socket_binds_and_connects(context, V31, ours, next(iter(LEGAL_PEERS[ours])))


async def test_rfc37_sockets_connect_opportunistically(context: aiomq.Context) -> None:
    """A connect returns while nobody is there, and the connection is made when somebody is."""
    await traffic.connecting_needs_nobody_there(context, V31)


async def test_rfc37_sockets_queue_all_frames_until_the_final_one_is_sent(context: aiomq.Context) -> None:
    """A message in parts stays in memory until its last part is given; then all of it leaves."""
    await traffic.frames_are_held_until_the_last_is_sent(context, V31)


async def test_rfc37_sockets_do_not_deliver_a_message_twice_to_a_peer_that_came_back(context: aiomq.Context) -> None:
    """What was sent over a connection is not sent again over the next one."""
    await traffic.message_is_sent_once_over_a_reconnect(context, V31)


async def test_rfc37_sockets_do_not_deliver_a_message_twice_for_two_subscriptions(context: aiomq.Context) -> None:
    """A message that several subscriptions of a peer match is sent to it once."""
    await traffic.message_is_sent_once_for_many_subscriptions(context, V31)


async def test_rfc37_sockets_deliver_messages_between_two_peers_in_order(context: aiomq.Context) -> None:
    """Both ways, small messages and large."""
    await traffic.messages_arrive_in_order(context, V31)


# -- The Publish-Subscribe Pattern ------------------------------------------------------------------------------------


async def test_rfc37_pubsub_filtering_happens_at_the_publisher(context: aiomq.Context) -> None:
    """PUB and XPUB send nothing that the peer did not ask for."""
    await traffic.publisher_filters(context, V31, [b"news"], [b"news.local"], [b"weather", b"new", b""])


@pytest.mark.parametrize(
    ("topic", "header"),
    [(b"topic", "04 0f"), (b"", "04 0a"), (b"t" * 245, "04 ff"), (b"t" * 246, "06 0000000000000100")],
    ids=lambda value: None if isinstance(value, str) else len(value),
)
async def test_rfc37_pubsub_subscribe_is_a_command(context: aiomq.Context, topic: bytes, header: str) -> None:
    """To a 3.1 peer a subscription is a SUBSCRIBE command: short up to 255 octets with its name, else long."""
    await traffic.subscriber_asks(context, bytes.fromhex(header) + b"\x09SUBSCRIBE" + topic, V31, topic)


@pytest.mark.parametrize(
    ("topic", "header"),
    [(b"topic", "04 0c"), (b"", "04 07"), (b"t" * 248, "04 ff"), (b"t" * 249, "06 0000000000000100")],
    ids=lambda value: None if isinstance(value, str) else len(value),
)
async def test_rfc37_pubsub_cancel_is_a_command(context: aiomq.Context, topic: bytes, header: str) -> None:
    """To a 3.1 peer a cancellation is a CANCEL command."""
    await traffic.subscriber_cancels(context, bytes.fromhex(header) + b"\x06CANCEL" + topic, V31, topic)


async def test_rfc37_pubsub_commands_mean_nothing_to_other_types(context: aiomq.Context) -> None:
    """Only PUB and XPUB know SUBSCRIBE and CANCEL. Others ignore them, where libzmq hands their user the command."""
    socket = context.socket(aiomq.PULL)
    async with talk(socket, V31, aiomq.PUSH) as peer:
        await peer.says(V31.subscribe(b"t") + V31.message(b"one") + V31.cancel(b"t" * 300) + V31.message(b"two"))
        assert await receive(socket) == [b"one"]
        assert await receive(socket) == [b"two"]


async def test_rfc37_pubsub_subscription_matches_all_messages_that_start_with_it(context: aiomq.Context) -> None:
    """A subscription is a prefix, compared octet by octet."""
    await traffic.publisher_filters(context, V31, [b"A"], [b"A", b"AB", b"A\x00"], [b"B", b"a", b"", b"BA"])


async def test_rfc37_pubsub_empty_subscription_matches_all_messages(context: aiomq.Context) -> None:
    """The empty topic is a prefix of everything, the empty message included."""
    await traffic.publisher_filters(context, V31, [b""], [b"", b"A", b"\x00\xff"], [])


async def test_rfc37_pubsub_subscriptions_are_additive(context: aiomq.Context) -> None:
    """To ask for "A" and for everything is to ask for everything, once."""
    await traffic.publisher_filters(context, V31, [b"A", b""], [b"AB", b"B", b""], [])


async def test_rfc37_pubsub_subscriptions_are_not_idempotent_at_the_subscriber(context: aiomq.Context) -> None:
    """Two subscriptions to a topic take two cancellations: SUB counts them, and cancels upstream with the last."""
    await traffic.subscriptions_are_counted(context, V31)


async def test_rfc37_pubsub_subscriptions_are_idempotent_at_the_publisher(context: aiomq.Context) -> None:
    """The RFC would have a publisher count as well. libzmq's keeps a topic once for a peer, and so is it here."""
    await traffic.publisher_counts_a_peer_once(context, V31)


# -- Backwards Interoperability ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("identity", [b"", b"abc", b"i" * 255], ids=len)
async def test_rfc37_backwards_size_in_the_pseudo_signature_is_8_octets_in_network_order(
    context: aiomq.Context, identity: bytes
) -> None:
    """The padding of the signature holds the length of our identity frame: that of the identity and one."""
    socket = context.socket(aiomq.DEALER)
    if identity:
        socket.routing_id = identity
    async with meet(socket) as peer:
        await peer.hears(signature(identity))


@pytest.mark.parametrize("dialect", [V20, V10], ids=lambda dialect: dialect.name)
def test_rfc37_backwards_old_peer_is_refused_where_there_is_security(dialect: Dialect) -> None:
    """A 1.0 or 2.0 peer can only have NULL: with any other mechanism the connection must be closed at once."""
    steps = dialect.handshake(aiomq.PULL, aiomq.PUSH)
    greetings.old_peer_is_refused_by_a_secure_one(b"".join(said for _, said in steps))


# -- Wire Analysis of the Connection, Security Considerations ---------------------------------------------------------


async def test_rfc37_wire_analysis_message_data_travel_in_message_frames(context: aiomq.Context) -> None:
    """In the clear a message is sent as message frames, whatever its bodies look like."""
    await traffic.message_data_travel_in_message_frames(context, V31)


async def test_rfc37_wire_analysis_command_names_are_visible(context: aiomq.Context) -> None:
    """The name of a command stands in its frame as it is."""
    async with meet(context.socket(aiomq.PULL)) as peer:
        await peer.says(greetings.greeting(V31))
        await peer.hears(SIGNATURE + b"\x03\x01" + NULL_GREETING + b"\x04\x1a\x05READY")
        await peer.hears(b"\x0bSocket-Type\x00\x00\x00\x04PULL")


def test_rfc37_security_downgrade_to_a_weaker_mechanism_is_refused() -> None:
    """A peer that asks for NULL where more is wanted is refused (one with an older version is, too: see above)."""
    greetings.null_peer_is_refused_by_a_secure_one(V31)
