"""What `Socket` makes of frames for its user: texts, JSON, and what given functions make of them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

import aiomq
from tests.sockets.links import linked

Endpoint = Callable[[], str]


async def test_strings_are_encoded_and_decoded(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)

    await push.send_string("grüß", aiomq.SNDMORE)
    await push.send_string("dich", encoding="utf-16")

    assert await pull.recv_string() == "grüß"
    assert pull.rcvmore
    assert await pull.recv_string(encoding="utf-16") == "dich"


async def test_strings_must_be_strings_and_frames_decodable(context: aiomq.Context) -> None:
    pull, push = linked(context, "inproc://text", aiomq.PULL, aiomq.PUSH)

    with pytest.raises(TypeError, match="takes a str, not bytes"):
        await push.send_string(b"x")  # type: ignore[arg-type]  # the error is what is tested
    await push.send_many([b"\xff", b"after"])
    with pytest.raises(UnicodeDecodeError):
        await pull.recv_string()

    assert await pull.recv_string() == "after"


async def test_json_goes_both_ways(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    value = {"name": "ünï", "numbers": [1, 2.5, None, True]}

    await push.send_json(value)
    await push.send_json({"b": 1, "a": 2}, sort_keys=True)
    await push.send_json([1.5])

    assert await pull.recv_json() == value
    assert await pull.recv() == b'{"a":2,"b":1}'
    assert await pull.recv_json(parse_float=str) == ["1.5"]


async def test_json_that_is_none_is_an_error_and_used_up(context: aiomq.Context) -> None:
    pull, push = linked(context, "inproc://json", aiomq.PULL, aiomq.PUSH)
    await push.send_many([b"{", b"5"])

    with pytest.raises(json.JSONDecodeError):
        await pull.recv_json()
    with pytest.raises(TypeError):
        await push.send_json(object())

    assert await pull.recv_json() == 5


async def test_serialized_frames_are_made_and_read_by_the_given_functions(
    context: aiomq.Context, endpoint: Endpoint
) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)

    await push.send_serialized({"a": 1}, lambda value: [key.encode() + b"=%d" % value[key] for key in value] + [b"end"])
    received = await pull.recv_serialized(lambda frames: b"&".join(frames).decode())

    assert received == "a=1&end"
