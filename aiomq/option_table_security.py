"""The options of security: PLAIN, CURVE, and ZAP, which decides who may come in."""

from __future__ import annotations

from typing import Final, TypeAlias

from aiomq.constants import SocketOption
from aiomq.option_spec import OptionKind, OptionSpec, octets, switch

__all__ = ["SECURITY"]

_O: TypeAlias = SocketOption


def _login(option: SocketOption, doc: str) -> OptionSpec:
    return octets(option, doc, kind=OptionKind.STR, minimum=1, maximum=255, clears=True)


def _key(option: SocketOption, doc: str) -> OptionSpec:
    return octets(option, doc, kind=OptionKind.KEY, minimum=32, maximum=32)


SECURITY: Final[tuple[OptionSpec, ...]] = (
    switch(_O.PLAIN_SERVER, "Ask peers for a name and a password, and ZAP whether they are right."),
    _login(_O.PLAIN_USERNAME, "The name to give to a PLAIN server; None is no security."),
    _login(_O.PLAIN_PASSWORD, "The password to give to a PLAIN server; None is no security."),
    switch(_O.CURVE_SERVER, "Be the server of CURVE: peers need our public key."),
    _key(_O.CURVE_PUBLICKEY, "Our public key."),
    _key(_O.CURVE_SECRETKEY, "Our secret key."),
    _key(_O.CURVE_SERVERKEY, "The public key of the server to connect to."),
    octets(
        _O.ZAP_DOMAIN,
        "The domain in which ZAP is asked about peers; with one, peers without security are asked about, too.",
        kind=OptionKind.STR,
        minimum=1,
        maximum=255,
    ),
    switch(_O.ZAP_ENFORCE_DOMAIN, "Ask ZAP as RFC 27 has it, about every peer, and in a domain.", strict=False),
)
"""In the order of the page. Which mechanism is used follows from the one that was set last, as in libzmq."""
