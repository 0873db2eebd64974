"""Which codec the traffic of a connection has: what the peer's version, and the mechanism, ask for."""

from __future__ import annotations

from typing import TypeAlias

from aiomq.zmtp.cipher_frames import CipherDecoder, CipherEncoder
from aiomq.zmtp.frames import FrameDecoder, FrameEncoder
from aiomq.zmtp.legacy_frames import LegacyFrameDecoder, LegacyFrameEncoder
from aiomq.zmtp.session import Framing, Session

__all__ = ["Decoder", "Encoder", "codec_for"]

Decoder: TypeAlias = FrameDecoder | LegacyFrameDecoder
Encoder: TypeAlias = FrameEncoder | LegacyFrameEncoder


def codec_for(session: Session, max_frame_size: int) -> tuple[Decoder, Encoder]:
    """Return the codec for the traffic after a handshake that is over.

    Args:
        session: the handshake.
        max_frame_size: MAXMSGSIZE, -1 for none.
    """
    if session.framing is Framing.V1:
        return LegacyFrameDecoder(max_frame_size), LegacyFrameEncoder()
    commands, cipher = session.subscription_commands, session.cipher
    if cipher is not None:
        decoder = CipherDecoder(max_frame_size, cipher)
        return decoder, CipherEncoder(subscription_commands=commands, cipher=cipher)
    return FrameDecoder(max_frame_size), FrameEncoder(subscription_commands=commands)
