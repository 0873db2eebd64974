"""What an authenticator is told of a domain: who has which password, and whose key is good."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Container, Mapping
from typing import Final, Protocol, TypeAlias, TypeVar

from aiomq.crypto import same

__all__ = ["ANY_DOMAIN", "CredentialsProvider", "KeyCheck", "KeyChecker", "checker_of", "password_fits", "policy_for"]

ANY_DOMAIN: Final = "*"
"""The domain whose policy holds for all domains that have none of their own."""

KeyCheck: TypeAlias = Callable[[str, bytes], "bool | Awaitable[bool]"]
"""Is given a domain and a public key, as 40 characters of Z85; says whether the key is good there."""

PolicyT = TypeVar("PolicyT")


class CredentialsProvider(Protocol):
    """An object that decides about keys."""

    def callback(self, domain: str, key: bytes, /) -> bool | Awaitable[bool]:
        """Return whether a public key, 40 characters of Z85, is good in a domain."""


class KeyChecker:
    """Decides whether a public key is good in a domain."""

    def __init__(self, check: KeyCheck) -> None:
        self._check = check

    async def allows(self, domain: str, key: bytes) -> bool:
        """Ask, and wait for the answer if it takes time. Raises what the check raises."""
        answer = self._check(domain, key)
        return bool(await answer) if inspect.isawaitable(answer) else bool(answer)


def checker_of(keys: Container[bytes] | None) -> KeyChecker:
    """Return a checker that allows these keys, or any for None."""
    return KeyChecker(lambda _, key: keys is None or key in keys)


def policy_for(policies: Mapping[str, PolicyT], domain: str) -> PolicyT | None:
    """Return the policy of a domain, or the one for all domains, or None."""
    return policies.get(domain, policies.get(ANY_DOMAIN))


def password_fits(passwords: Mapping[str, str], username: str, password: str) -> bool:
    """Return whether a user has this password, in a time that tells nothing about it, nor whether there is the user."""
    known = passwords.get(username)
    fits = same((known or "").encode(), password.encode())
    return fits and known is not None
