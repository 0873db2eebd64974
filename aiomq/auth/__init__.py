"""Deciding who may connect: the handler that ZAP asks, and keys in files (RFC 27)."""

from __future__ import annotations

from aiomq.auth.authenticator import CURVE_ALLOW_ANY, Authenticator
from aiomq.auth.certificates import create_certificates, load_certificate, load_certificates
from aiomq.crypto import curve_keypair, curve_public

__all__ = [
    "CURVE_ALLOW_ANY",
    "Authenticator",
    "create_certificates",
    "curve_keypair",
    "curve_public",
    "load_certificate",
    "load_certificates",
]
