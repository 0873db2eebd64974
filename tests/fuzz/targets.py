"""All the targets there are."""

from __future__ import annotations

from typing import Final

from tests.fuzz import address_targets, connection_targets, frame_targets, handshake_targets, store_targets
from tests.fuzz.target import Target

__all__ = ["TARGETS"]

_ALL: Final = (
    Target(name="greeting", run=handshake_targets.greeting, share=600, max_size=1000),
    Target(name="frames", run=frame_targets.plain_frames, share=900, max_size=1500),
    Target(name="legacy_frames", run=frame_targets.legacy, share=600, max_size=1500),
    Target(name="cipher_frames", run=frame_targets.cipher_frames, share=300, max_size=1500),
    Target(name="floods", run=frame_targets.floods, share=1, max_size=64),
    Target(name="commands", run=frame_targets.commands, share=2901, max_size=200),
    *(
        Target(name=name, run=handshake_targets.mechanism(name), share=100, max_size=1000)
        for name in handshake_targets.MECHANISMS
    ),
    Target(name="zap_replies", run=handshake_targets.zap_replies, share=2000, max_size=300),
    Target(name="addresses", run=address_targets.addresses, share=1800, max_size=120),
    Target(name="option_values", run=address_targets.option_values, share=290, max_size=120),
    Target(name="stores", run=store_targets.store_files, share=8, max_size=400),
    Target(name="connections", run=connection_targets.connections, share=100, max_size=1500),
)

TARGETS: Final = {each.name: each for each in _ALL}
