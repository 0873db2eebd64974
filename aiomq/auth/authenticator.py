"""A ZAP handler with the verbs of pyzmq's: it says which addresses, passwords and keys are good (RFC 27).

It is bound to the context's ZAP endpoint, in the loop in which it was started; the sockets that ask may be in other
loops of other threads.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

import msgspec

from aiomq import z85
from aiomq.auth.address_rules import AddressRules
from aiomq.auth.certificates import load_certificates
from aiomq.auth.policies import (
    ANY_DOMAIN,
    CredentialsProvider,
    KeyCheck,
    KeyChecker,
    checker_of,
    password_fits,
    policy_for,
)
from aiomq.constants import SocketType
from aiomq.context import Context
from aiomq.errors import ZMQError
from aiomq.socket import Socket
from aiomq.zmtp.zap import ENDPOINT, VERSION, encode_reply

__all__ = ["CURVE_ALLOW_ANY", "Authenticator"]

CURVE_ALLOW_ANY: Final = "*"
"""For `Authenticator.configure_curve`: every key is good."""

MAX_CHECKS: Final = 64
"""Requests that are answered at the same time; further ones wait, as long as the handshake they belong to does."""

_REQUEST_FRAMES: Final = 6


class _Verdict(msgspec.Struct, frozen=True):
    """What a request is answered with."""

    status: int
    text: str
    user_id: bytes = b""


class _Request(msgspec.Struct, frozen=True):
    """What is known of a peer that wants in."""

    domain: str
    address: str
    mechanism: bytes
    credentials: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"<_Request {self.mechanism!r} from {self.address}>"  # credentials are secrets


class Authenticator:
    """Decides who may connect to the sockets of a context.

    Until it is told otherwise it lets in whoever comes without security (NULL, where a socket has a ZAP_DOMAIN), and
    nobody who comes with PLAIN or CURVE. A policy is for one domain, or with "*" for all that have none of their own;
    the last one that was configured counts.

        async with Authenticator(context) as auth:
            auth.configure_plain(domain="*", passwords={"admin": "secret"})
            ...
    """

    def __init__(
        self,
        context: Context | None = None,
        encoding: str = "utf-8",
        log: logging.Logger | None = None,
        *,
        check_timeout: float = 30.0,
    ) -> None:
        """Make one; it decides about nothing before `start`.

        Args:
            context: whose sockets to decide about; None is `Context.instance()`.
            encoding: of names, passwords and domains.
            log: where decisions are logged, at the level of debugging; no password ever is.
            check_timeout: seconds that a key callback may take. Then the peer is told to try again later.
        """
        self.context = Context.instance() if context is None else context
        self.encoding = encoding
        self.log = log or logging.getLogger("aiomq.auth")
        self.zap_socket: Socket | None = None
        self.check_timeout = check_timeout
        self._allowed = AddressRules()
        self._denied = AddressRules()
        self._passwords: dict[str, Mapping[str, str]] = {}
        self._keys: dict[str, KeyChecker] = {}
        self._serving: asyncio.Task[None] | None = None

    # -- life --------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to decide. Needs a running loop.

        Raises:
            ZMQError: EADDRINUSE if the context has a ZAP handler already.
            RuntimeError: this one was started before, or there is no running loop.
        """
        if self.zap_socket is not None:
            raise RuntimeError("this authenticator was started before: stop it first")
        loop = asyncio.get_running_loop()
        sock = self.context._own_socket(SocketType.ROUTER, linger=0, sndhwm=0, rcvhwm=0)
        try:
            sock.bind(ENDPOINT)
        except BaseException:  # whatever it is, nobody else has the socket to close it
            sock.close()
            raise
        self.zap_socket = sock
        self._serving = loop.create_task(self._serve(sock), name="aiomq authenticator")

    def stop(self) -> None:
        """Decide no more: without a handler, PLAIN servers let nobody in, and CURVE servers everybody.

        With ZAP_ENFORCE_DOMAIN those let nobody in either.
        """
        if self._serving is not None:
            self._serving.cancel()
            self._serving = None
        if self.zap_socket is not None:
            self.zap_socket.close()
            self.zap_socket = None

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        serving = self._serving
        self.stop()
        if serving is not None:
            await asyncio.wait([serving])

    # -- policies ----------------------------------------------------------------------------------------------------

    def allow(self, *addresses: str) -> None:
        """Let in these addresses alone; those with PLAIN or CURVE still have to show that they are who they say.

        Args:
            addresses: numeric addresses without a port, as `192.0.2.7` or `2001:db8::7`, and networks of them, as
                `10.0.0.0/8`; for ipc `localhost:uid:gid:pid`. One of IPv4 is the same where a socket of IPv6 tells it
                as `::ffff:192.0.2.7`. One without a zone (`fe80::7`, not `fe80::7%eth0`) is meant in all zones.

        Raises:
            TypeError: one is no text.
            ValueError: one is no address or network, and none is added; or some addresses are denied already: it is
                one or the other.
        """
        if self._denied:
            raise ValueError("addresses are denied already: use either allow or deny")
        self._allowed.update(addresses)

    def deny(self, *addresses: str) -> None:
        """Keep out these addresses.

        Args:
            addresses: as for `allow`.

        Raises:
            TypeError: one is no text.
            ValueError: one is no address or network, and none is added; or some addresses are allowed already: it is
                one or the other.
        """
        if self._allowed:
            raise ValueError("addresses are allowed already: use either allow or deny")
        self._denied.update(addresses)

    def configure_plain(self, domain: str = ANY_DOMAIN, passwords: Mapping[str, str] | None = None) -> None:
        """Say who has which password.

        Args:
            domain: the ZAP_DOMAIN for which it holds, or "*" for all without passwords of their own.
            passwords: by user name. It is looked at anew for each peer.
        """
        self._passwords[domain] = {} if passwords is None else passwords

    def configure_curve(self, domain: str = ANY_DOMAIN, location: str | os.PathLike[str] = ".") -> None:
        """Say whose key is good.

        Args:
            domain: the ZAP_DOMAIN for which it holds, or "*" for all without keys of their own.
            location: the folder of the public certificates, which are read now, or CURVE_ALLOW_ANY.

        Raises:
            OSError: there is no such folder, or a file in it cannot be read.
            ValueError: a file in it is no certificate.
        """
        self._keys[domain] = checker_of(None if location == CURVE_ALLOW_ANY else load_certificates(location))

    def configure_curve_callback(
        self, domain: str = ANY_DOMAIN, credentials_provider: CredentialsProvider | KeyCheck | None = None
    ) -> None:
        """Let something else say whose key is good.

        Args:
            domain: the ZAP_DOMAIN for which it holds, or "*" for all without keys of their own.
            credentials_provider: a function, or an object with a method `callback`, that is given the domain and the
                public key as 40 characters of Z85, and returns whether the key is good. It may be a coroutine function.

        Raises:
            TypeError: it is neither.
        """
        check = getattr(credentials_provider, "callback", credentials_provider)
        if not callable(check):
            raise TypeError(f"a function, or an object with a method `callback`, decides about keys, not {check!r}")
        self._keys[domain] = KeyChecker(check)

    def curve_user_id(self, client_public_key: bytes) -> str:
        """Return the User-Id of who has this key: the key as 40 characters of Z85. To be overridden.

        Args:
            client_public_key: 32 octets.
        """
        return z85.encode(client_public_key).decode()

    # -- requests ----------------------------------------------------------------------------------------------------

    async def _serve(self, sock: Socket) -> None:
        loop = asyncio.get_running_loop()
        free = asyncio.Semaphore(MAX_CHECKS)
        checks: set[asyncio.Task[None]] = set()

        def checked(check: asyncio.Task[None]) -> None:
            checks.discard(check)
            free.release()

        try:
            while True:
                message = await sock.recv_multipart()
                await free.acquire()
                check = loop.create_task(self._answer(sock, message), name="aiomq authenticator's check")
                checks.add(check)
                check.add_done_callback(checked)
        except ZMQError as error:
            self.log.debug("ended: %s", error)  # with its context
        finally:
            for check in tuple(checks):
                check.cancel()

    async def _answer(self, sock: Socket, message: list[bytes]) -> None:
        """Answer one request. Nothing that goes wrong here may end the answering."""
        envelope, request = message[:2], message[2:]
        request_id = request[1] if len(request) > 1 else b""
        try:
            verdict = await self._decide(request)
        except (KeyboardInterrupt, SystemExit, GeneratorExit):  # the program ends, or the loop
            raise
        except BaseException:  # a callback is anybody's code: the peer that it fails for is refused
            if _is_being_cancelled():
                raise
            self.log.exception("a peer is refused: it could not be decided about")
            verdict = _Verdict(500, "Internal error")
        self.log.debug("answer: %d %s", verdict.status, verdict.text)
        reply = encode_reply(request_id, verdict.status, verdict.text, verdict.user_id)
        try:
            await sock.send_multipart([*envelope, *reply])
        except ZMQError as error:
            self.log.debug("the answer comes too late: %s", error)

    async def _decide(self, frames: list[bytes]) -> _Verdict:
        if len(frames) < _REQUEST_FRAMES:
            return _Verdict(400, "Not enough frames")
        if frames[0] != VERSION:
            return _Verdict(400, "Invalid version")
        request = _Request(self._text(frames[2]), self._text(frames[3]), frames[5], tuple(frames[6:]))
        self.log.debug("request: %s from %s in %r", request.mechanism, request.address, request.domain)
        if self._allowed and request.address not in self._allowed:
            return _Verdict(400, "Address not allowed")
        if request.address in self._denied:
            return _Verdict(400, "Address denied")
        if request.mechanism == b"NULL":
            return _Verdict(200, "OK", b"anonymous")
        if request.mechanism == b"PLAIN" and len(request.credentials) == 2:
            return self._decide_plain(request)
        if request.mechanism == b"CURVE" and len(request.credentials) == 1:
            return await self._decide_curve(request)
        return _Verdict(400, "Invalid credentials")

    def _text(self, data: bytes) -> str:
        return data.decode(self.encoding, "replace")

    def _decide_plain(self, request: _Request) -> _Verdict:
        username, password = map(self._text, request.credentials)
        passwords = policy_for(self._passwords, request.domain)
        if passwords is None:
            return _Verdict(400, "Invalid domain" if self._passwords else "No passwords defined")
        if not password_fits(passwords, username, password):
            return _Verdict(400, "Invalid user name or password")
        return _Verdict(200, "OK", request.credentials[0])

    async def _decide_curve(self, request: _Request) -> _Verdict:
        checker = policy_for(self._keys, request.domain)
        if checker is None:
            return _Verdict(400, "Unknown domain")
        key = request.credentials[0]
        try:
            async with asyncio.timeout(self.check_timeout):
                # In a task of its own, which it may cancel without ending ours.
                good = await asyncio.create_task(
                    checker.allows(request.domain or ANY_DOMAIN, z85.encode(key)), name="aiomq authenticator's callback"
                )
        except TimeoutError:
            self.log.warning("the callback of domain %r took over %g s", request.domain, self.check_timeout)
            return _Verdict(300, "Try again later")
        return _Verdict(200, "OK", self.curve_user_id(key).encode()) if good else _Verdict(400, "Unknown key")

    def __repr__(self) -> str:
        return f"<Authenticator {'started' if self.zap_socket is not None else 'stopped'}>"


def _is_being_cancelled() -> bool:
    """Return whether the running task was told to end; else a CancelledError comes from what it called."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
