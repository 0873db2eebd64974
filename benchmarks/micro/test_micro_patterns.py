"""Who gets the next message, and whose is next: a thousand times, with one peer and with several."""

from __future__ import annotations

import pytest

from aiomq.patterns.distributor import Distributor
from aiomq.patterns.fair_queue import FairQueue
from aiomq.patterns.load_balancer import LoadBalancer
from aiomq.patterns.subscriptions import SubscribedTopics, SubscriptionTable
from benchmarks.micro.ready_peer import OPERATIONS, Benchmark, ready_peers

MESSAGE = b"x" * 16
ROUNDS = 200


@pytest.mark.parametrize("peers", [1, 10])
def test_load_balancer_try_send(benchmark: Benchmark, peers: int) -> None:
    balancer, ready = LoadBalancer(), ready_peers(peers)
    for peer in ready:
        balancer.attach(peer)

    def send() -> None:
        try_send = balancer.try_send
        for _ in range(OPERATIONS):
            try_send(MESSAGE)

    def forget() -> None:
        for peer in ready:
            peer.discard_outbox()

    benchmark.pedantic(send, setup=forget, rounds=ROUNDS)
    assert [len(peer.outbox) for peer in ready] == [OPERATIONS // peers] * peers


@pytest.mark.parametrize("peers", [1, 10])
def test_fair_queue_try_recv(benchmark: Benchmark, peers: int) -> None:
    queue, ready = FairQueue(), ready_peers(peers)

    def fill() -> None:
        for peer in ready:
            peer.inbox.extend([MESSAGE] * (OPERATIONS // peers))
            queue.peer_readable(peer)

    def receive() -> object:
        try_recv, message = queue.try_recv, None
        for _ in range(OPERATIONS):
            message = try_recv()
        return message

    assert benchmark.pedantic(receive, setup=fill, rounds=ROUNDS) == MESSAGE
    assert not queue.can_recv()


@pytest.mark.parametrize("peers", [1, 10, 100])
def test_distributor_send(benchmark: Benchmark, peers: int) -> None:
    distributor, ready = Distributor(lambda count: None), ready_peers(peers)
    for peer in ready:
        distributor.attach(peer)

    def send() -> None:
        for _ in range(OPERATIONS // peers):
            distributor.send(MESSAGE, ready)

    def forget() -> None:
        for peer in ready:
            peer.discard_outbox()

    benchmark.pedantic(send, setup=forget, rounds=ROUNDS)
    assert sum(len(peer.outbox) for peer in ready) == OPERATIONS


@pytest.mark.parametrize("prefixes", [1, 1000, 100_000])
def test_subscription_table_match(benchmark: Benchmark, prefixes: int) -> None:
    table, (peer,) = SubscriptionTable(), ready_peers(1)
    for number in range(prefixes):
        table.add(peer, b"topic.%06d" % number)
    frames = [b"topic.%06d.value" % (number * 7919 % prefixes) for number in range(OPERATIONS)]

    def match() -> int:
        matches = table.match
        return sum([len(matches(frame)) for frame in frames])

    assert benchmark(match) == OPERATIONS


@pytest.mark.parametrize("prefixes", [1, 1000])
def test_subscribed_topics_matches(benchmark: Benchmark, prefixes: int) -> None:
    topics = SubscribedTopics()
    for number in range(prefixes):
        topics.add(b"topic.%06d" % number)
    frames = [b"topic.%06d.value" % (number % prefixes) for number in range(OPERATIONS)]

    def match() -> int:
        matches = topics.matches
        return sum([matches(frame) for frame in frames])

    assert benchmark(match) == OPERATIONS
