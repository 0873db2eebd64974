"""`zmq.auth`: certificates, and who may connect."""

from __future__ import annotations

from aiomq.auth import CURVE_ALLOW_ANY, create_certificates, load_certificate, load_certificates
from aiomq.compat.zmq.auth.base import Authenticator

__all__ = ["CURVE_ALLOW_ANY", "Authenticator", "create_certificates", "load_certificate", "load_certificates"]
