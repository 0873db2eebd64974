"""The authenticator: who is let in by which policy, and what happens when a policy fails."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import pytest

import aiomq
from aiomq import Event
from aiomq.auth import CURVE_ALLOW_ANY, Authenticator, create_certificates, curve_keypair
from aiomq.auth.policies import KeyCheck
from tests.security.sides import (
    CLIENT_KEYS,
    CURVE_CLIENT,
    CURVE_SERVER,
    PLAIN_CLIENT,
    PLAIN_SERVER,
    Library,
    shake_hands,
)
from tests.transports.scripted import BOUND

SUCCEEDED = (Event.HANDSHAKE_SUCCEEDED, 0)
REFUSED = (Event.HANDSHAKE_FAILED_AUTH, 400)
LATER = (Event.HANDSHAKE_FAILED_AUTH, 300)
BROKEN = (Event.HANDSHAKE_FAILED_AUTH, 500)

type_ = aiomq.SocketType


@pytest.fixture
async def auth(context: aiomq.Context) -> AsyncIterator[Authenticator]:
    """Return an authenticator that was started."""
    async with Authenticator(context) as made:
        yield made


@pytest.fixture
async def server_library(libraries: dict[str, Library]) -> Library:
    """Return the library of the server: the authenticator decides about sockets of its own context."""
    return libraries["aiomq"]


Told: TypeAlias = Callable[[dict[str, Any], dict[str, Any]], Coroutine[Any, Any, tuple[Event, int]]]


@pytest.fixture
async def told(server_library: Library, client_library: Library) -> Told:
    """Return what connects a client to a server, with options for either, and returns what the server is told of it."""

    async def told(server: dict[str, Any], client: dict[str, Any]) -> tuple[Event, int]:
        one = server_library.make(type_.ROUTER, **server)
        other = client_library.make(type_.DEALER, reconnect_ivl=-1, **client)
        return (await shake_hands(one, other))[0]

    return told


@pytest.mark.parametrize(
    ("domain", "login", "expected"),
    [
        (b"global", {}, SUCCEEDED),
        (b"other", {}, SUCCEEDED),
        (b"global", {"plain_password": b"wrong"}, REFUSED),
        (b"global", {"plain_username": b"nobody"}, REFUSED),
        (b"special", {}, REFUSED),
        (b"special", {"plain_password": b"special"}, SUCCEEDED),
    ],
)
async def test_password_of_the_domain_decides(
    domain: bytes,
    login: dict[str, object],
    expected: tuple[Event, int],
    auth: Authenticator,
    told: Told,
) -> None:
    auth.configure_plain("*", {"admin": "secret"})
    auth.configure_plain("special", {"admin": "special"})
    server = PLAIN_SERVER | {"zap_domain": domain}

    assert await told(server, PLAIN_CLIENT | login) == expected


@pytest.mark.parametrize(
    ("server", "client", "expected"),
    [
        ({"zap_domain": b"global"}, {}, SUCCEEDED),
        (PLAIN_SERVER, PLAIN_CLIENT, REFUSED),
        (CURVE_SERVER, CURVE_CLIENT, REFUSED),
    ],
    ids=["NULL", "PLAIN", "CURVE"],
)
async def test_without_policies_only_null_is_let_in(
    server: dict[str, object],
    client: dict[str, object],
    expected: tuple[Event, int],
    auth: Authenticator,
    told: Told,
) -> None:
    assert await told(server, client) == expected


@pytest.mark.parametrize(
    ("verb", "address", "expected"),
    [
        ("allow", "127.0.0.1", SUCCEEDED),
        ("allow", "192.0.2.1", REFUSED),
        ("deny", "127.0.0.1", REFUSED),
        ("deny", "192.0.2.1", SUCCEEDED),
    ],
)
async def test_address_decides(
    verb: str,
    address: str,
    expected: tuple[Event, int],
    auth: Authenticator,
    told: Told,
) -> None:
    getattr(auth, verb)(address)

    assert await told({"zap_domain": b"global"}, {}) == expected


async def test_allowed_address_needs_its_password_all_the_same(auth: Authenticator, told: Told) -> None:
    auth.allow("127.0.0.1")

    assert await told(PLAIN_SERVER, PLAIN_CLIENT) == REFUSED


async def test_addresses_are_either_allowed_or_denied(context: aiomq.Context) -> None:
    allowing, denying = Authenticator(context), Authenticator(context)
    allowing.allow("127.0.0.1")
    denying.deny("127.0.0.1")

    with pytest.raises(ValueError, match="either allow or deny"):
        allowing.deny("192.0.2.1")
    with pytest.raises(ValueError, match="either allow or deny"):
        denying.allow("192.0.2.1")


async def test_any_key_is_good_where_it_was_said_so(auth: Authenticator, told: Told) -> None:
    auth.configure_curve("open", CURVE_ALLOW_ANY)

    for domain, expected in ((b"open", SUCCEEDED), (b"closed", REFUSED)):
        server = CURVE_SERVER | {"zap_domain": domain}
        assert await told(server, CURVE_CLIENT) == expected


async def test_keys_of_a_folder_are_good(auth: Authenticator, told: Told, tmp_path: Path) -> None:
    create_certificates(tmp_path, "stranger")
    auth.configure_curve("*", tmp_path)
    assert await told(CURVE_SERVER, CURVE_CLIENT) == REFUSED

    (tmp_path / "client.key").write_text(f'curve\n    public-key = "{CLIENT_KEYS[0].decode()}"\n')
    auth.configure_curve("*", tmp_path)
    assert await told(CURVE_SERVER, CURVE_CLIENT) == SUCCEEDED


class _Provider:
    def __init__(self, answer: bool) -> None:
        self.answer = answer
        self.asked: list[tuple[str, bytes]] = []

    def callback(self, domain: str, key: bytes) -> bool:
        self.asked.append((domain, key))
        return self.answer


class _SlowProvider(_Provider):
    async def callback(self, domain: str, key: bytes) -> bool:  # type: ignore[override]  # either form will do
        await asyncio.sleep(0)
        return super().callback(domain, key)


@pytest.mark.parametrize("answer", [True, False])
@pytest.mark.parametrize("kind", [_Provider, _SlowProvider])
async def test_callback_decides(kind: type[_Provider], answer: bool, auth: Authenticator, told: Told) -> None:
    provider = kind(answer)
    auth.configure_curve_callback("*", provider)

    expected = SUCCEEDED if answer else REFUSED
    assert await told(CURVE_SERVER, CURVE_CLIENT) == expected
    assert provider.asked == [("*", CLIENT_KEYS[0])]


async def test_function_decides_as_well(auth: Authenticator, told: Told) -> None:
    auth.configure_curve_callback("*", lambda _, key: key == CLIENT_KEYS[0])

    assert await told(CURVE_SERVER, CURVE_CLIENT) == SUCCEEDED


async def test_callback_that_fails_is_logged_and_refuses(
    auth: Authenticator, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    def check(domain: str, key: bytes) -> bool:
        raise LookupError("no database")

    auth.configure_curve_callback("*", check)

    assert await told(CURVE_SERVER, CURVE_CLIENT) == BROKEN
    assert "no database" in caplog.text


class _Ending(BaseException):
    """What is no `Exception`, and ends no program."""


async def _cancels_itself(domain: str, key: bytes) -> bool:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)
    return True


async def _waits_for_what_was_cancelled(domain: str, key: bytes) -> bool:
    cancelled = asyncio.get_running_loop().create_future()
    cancelled.cancel()
    return bool(await cancelled)


def _raising(error: BaseException) -> Callable[[str, bytes], bool]:
    def check(domain: str, key: bytes) -> bool:
        raise error

    return check


def _raising_later(error: BaseException) -> Callable[[str, bytes], Awaitable[bool]]:
    async def check(domain: str, key: bytes) -> bool:
        await asyncio.sleep(0)
        raise error

    return check


@pytest.mark.parametrize(
    "make",
    [
        lambda: _raising(asyncio.CancelledError()),
        lambda: _raising_later(asyncio.CancelledError()),
        lambda: _cancels_itself,
        lambda: _waits_for_what_was_cancelled,
        lambda: _raising(_Ending()),
        lambda: _raising_later(_Ending()),
        lambda: _raising_later(BaseExceptionGroup("both", [_Ending(), asyncio.CancelledError()])),
        lambda: _raising_later(LookupError("no database")),
    ],
    ids=["cancelled", "cancelled later", "itself", "another", "base", "base later", "group", "error later"],
)
async def test_callback_that_ends_in_any_way_is_answered_for(
    make: Callable[[], KeyCheck], auth: Authenticator, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    auth.configure_curve_callback("*", make())

    assert await told(CURVE_SERVER, CURVE_CLIENT) == BROKEN
    assert "could not be decided about" in caplog.text

    auth.configure_curve("*", CURVE_ALLOW_ANY)  # and it goes on
    assert await told(CURVE_SERVER, CURVE_CLIENT) == SUCCEEDED


class _Passwords(dict[str, str]):
    def get(self, key: object, default: object = None) -> NoReturn:
        raise asyncio.CancelledError


async def test_passwords_that_raise_are_answered_for(auth: Authenticator, told: Told) -> None:
    auth.configure_plain("*", _Passwords())

    assert await told(PLAIN_SERVER, PLAIN_CLIENT) == BROKEN


async def test_user_id_that_cannot_be_made_is_answered_for(context: aiomq.Context, told: Told) -> None:
    class Cancelling(Authenticator):
        def curve_user_id(self, client_public_key: bytes) -> str:
            raise asyncio.CancelledError

    async with Cancelling(context) as auth:
        auth.configure_curve("*", CURVE_ALLOW_ANY)

        assert await told(CURVE_SERVER, CURVE_CLIENT) == BROKEN


async def test_callback_that_takes_too_long_refuses_for_now(context: aiomq.Context, told: Told) -> None:
    async def check(domain: str, key: bytes) -> bool:
        await asyncio.Event().wait()
        return True

    async with Authenticator(context, check_timeout=0.05) as auth:
        auth.configure_curve_callback("*", check)

        assert await told(CURVE_SERVER, CURVE_CLIENT) == LATER


async def test_what_decides_about_keys_has_to_be_callable(context: aiomq.Context) -> None:
    with pytest.raises(TypeError, match="decides about keys"):
        Authenticator(context).configure_curve_callback("*", None)


async def test_folder_that_is_not_there_is_an_error_at_the_call(context: aiomq.Context, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no folder of certificates"):
        Authenticator(context).configure_curve("*", tmp_path / "none")


@pytest.mark.parametrize(
    ("options", "user_id"),
    [((PLAIN_SERVER, PLAIN_CLIENT), b"admin"), ((CURVE_SERVER, CURVE_CLIENT), CLIENT_KEYS[0])],
    ids=["PLAIN", "CURVE"],
)
async def test_user_id_is_the_name_or_the_key(
    options: tuple[dict[str, Any], dict[str, Any]],
    user_id: bytes,
    context: aiomq.Context,
    auth: Authenticator,
    server_library: Library,
) -> None:
    server, client = options
    auth.configure_plain("*", {"admin": "secret"})
    auth.configure_curve("*", CURVE_ALLOW_ANY)
    with context.socket(type_.ROUTER, linger=0, **server) as sock:
        sock.bind("tcp://127.0.0.1:0")
        other = server_library.make(type_.DEALER, **client)
        other.connect(sock.last_endpoint)
        await other.send(b"hello")
        await sock.recv_multipart()
        (peer,) = sock._core.peers

        assert peer.properties["User-Id"] == user_id


@pytest.mark.parametrize(
    ("request_frames", "text"),
    [
        ([b"1.0", b"7"], b"Not enough frames"),
        ([b"2.0", b"7", b"", b"", b"", b"NULL"], b"Invalid version"),
        ([b"1.0", b"7", b"", b"", b"", b"PLAIN", b"alone"], b"Invalid credentials"),
        ([b"1.0", b"7", b"", b"", b"", b"CURVE"], b"Invalid credentials"),
        ([b"1.0", b"7", b"", b"", b"", b"MAGIC"], b"Invalid credentials"),
    ],
)
async def test_request_that_is_none_is_refused(
    request_frames: list[bytes], text: bytes, auth: Authenticator, context: aiomq.Context
) -> None:
    with context.socket(type_.REQ, linger=0) as req:
        req.connect("inproc://zeromq.zap.01")
        await req.send_multipart(request_frames)

        assert await req.recv_multipart() == [b"1.0", b"7", b"400", text, b"", b""]


async def test_second_authenticator_of_a_context_is_refused(context: aiomq.Context, auth: Authenticator) -> None:
    with pytest.raises(aiomq.ZMQError, match="already") as refused:
        Authenticator(context).start()
    assert refused.value.errno == errno.EADDRINUSE
    with pytest.raises(RuntimeError, match="started before"):
        auth.start()


async def test_authenticator_starts_again_after_it_was_stopped(context: aiomq.Context, told: Told) -> None:
    auth = Authenticator(context)
    auth.stop()
    auth.start()
    auth.stop()
    auth.start()
    auth.configure_plain("*", {"admin": "secret"})

    assert await told(PLAIN_SERVER, PLAIN_CLIENT) == SUCCEEDED
    auth.stop()


async def test_no_password_is_logged(auth: Authenticator, told: Told, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    auth.configure_plain("*", {"admin": "secret"})
    keys = curve_keypair()

    await told(PLAIN_SERVER, PLAIN_CLIENT)
    await told(PLAIN_SERVER, PLAIN_CLIENT | {"plain_password": b"misspelt"})
    await told(
        CURVE_SERVER,
        CURVE_CLIENT | {"curve_publickey": keys[0], "curve_secretkey": keys[1]},
    )

    assert "request: " in caplog.text
    for secret in ("secret'", "misspelt", keys[1].decode()):
        assert secret not in caplog.text


async def test_authenticator_ends_with_its_context() -> None:
    context = aiomq.Context()
    auth = Authenticator(context)
    auth.start()
    serving = auth._serving
    assert serving is not None

    await context.term()

    async with asyncio.timeout(BOUND):
        await serving
    auth.stop()


async def test_check_that_goes_on_ends_with_the_authenticator(context: aiomq.Context, told: Told) -> None:
    begun = asyncio.Event()
    ended = asyncio.Event()

    async def check(domain: str, key: bytes) -> bool:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return True

    async with Authenticator(context) as auth:
        auth.configure_curve_callback("*", check)
        connecting = asyncio.create_task(told(CURVE_SERVER, CURVE_CLIENT))
        await begun.wait()
    async with asyncio.timeout(BOUND):
        await ended.wait()

    assert (await connecting)[0] is Event.HANDSHAKE_FAILED_NO_DETAIL
