"""`zmq.auth.certs`: aiomq's own."""

from __future__ import annotations

from aiomq.auth import create_certificates, load_certificate, load_certificates

__all__ = ["create_certificates", "load_certificate", "load_certificates"]
