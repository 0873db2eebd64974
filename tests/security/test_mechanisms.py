"""The mechanisms by themselves: two sessions back to back, and the commands of one of them taken apart."""

from __future__ import annotations

from collections.abc import Callable

from aiomq.crypto import keypair
from aiomq.zmtp.mechanisms.base import Mechanism
from aiomq.zmtp.mechanisms.curve_client import CurveClient
from aiomq.zmtp.mechanisms.curve_server import CurveServer
from aiomq.zmtp.mechanisms.plain import PlainClient, PlainServer

SERVER = keypair()
CLIENT = keypair()

Maker = Callable[[], Mechanism]

PLAIN = (lambda: PlainClient(b"admin", b"secret"), PlainServer)
CURVE = (lambda: CurveClient(*CLIENT, SERVER[0]), lambda: CurveServer(SERVER[1]))
