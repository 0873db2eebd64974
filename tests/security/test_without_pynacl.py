"""Where PyNaCl is not installed everything works but CURVE, which says what to install."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]

_PROGRAM: Final = """
    import sys

    sys.modules["nacl"] = None  # what the import of a missing package comes to

    import aiomq
    from aiomq.auth import Authenticator


    async def main() -> None:
        async with aiomq.Context() as context, Authenticator(context) as auth:
            auth.configure_plain("*", {"admin": "secret"})
            pull = context.socket(aiomq.PULL, plain_server=True)
            pull.bind("tcp://127.0.0.1:*")
            push = context.socket(aiomq.PUSH, plain_username="admin", plain_password="secret")
            push.connect(pull.last_endpoint)
            await push.send(b"hello")
            assert await pull.recv() == b"hello"
            for make in (lambda: push.set("curve_server", 1), aiomq.curve_keypair):
                try:
                    make()
                except aiomq.ZMQError as error:
                    assert "aiozeromq[curve]" in str(error)
                else:
                    raise AssertionError(make)


    aiomq.run(main())
"""


def test_all_but_curve_works_without_pynacl(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(_PROGRAM))

    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", program],
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 0, done.stderr
