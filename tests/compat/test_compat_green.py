"""`zmq.green`: a call blocks its greenlet, and the others run. Each in a process of its own, which gevent patches."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

import pytest

from tests.compat.needed import needed

needed("gevent")

HEAD: Final = """
from gevent import monkey
monkey.patch_all()
import time
import gevent
import zmq.green as zmq
assert zmq.__name__ == "aiomq.compat.zmq.green", zmq
ctx = zmq.Context()
pull, push = ctx.socket(zmq.PULL), ctx.socket(zmq.PUSH)
port = pull.bind_to_random_port("tcp://127.0.0.1")
seen = []
def tick():
    while True:
        seen.append("tick")
        gevent.sleep(0.01)
ticking = gevent.spawn(tick)
"""

TAIL: Final = """
ticking.kill()
push.close(0)
pull.close(0)
ctx.term()
print("done")
"""

BODIES: Final = {
    "recv": """
receiving = gevent.spawn(pull.recv)
gevent.sleep(0.1)
assert len(seen) > 3
push.connect(f"tcp://127.0.0.1:{port}")
push.send(b"a")
assert receiving.get(timeout=20) == b"a"
""",
    "send": """
sending = gevent.spawn(push.send_multipart, [b"a", b"b"])
gevent.sleep(0.05)
push.connect(f"tcp://127.0.0.1:{port}")
sending.join(timeout=20)
assert pull.recv_multipart() == [b"a", b"b"]
""",
    "poller": """
poller = zmq.Poller()
poller.register(pull, zmq.POLLIN)
assert poller.poll(50) == []
assert len(seen) > 2
push.connect(f"tcp://127.0.0.1:{port}")
gevent.spawn_later(0.05, push.send, b"a")
assert poller.poll(20_000) == [(pull, zmq.POLLIN)]
assert pull.poll(20_000) == zmq.POLLIN
assert pull.recv() == b"a"
""",
    "timeout": """
push.connect(f"tcp://127.0.0.1:{port}")
for number in range(200):
    gevent.spawn_later(number / 1000, push.send, b"%d" % number)
received = []
while len(received) < 200:
    with gevent.Timeout(0.002, False):
        received.append(int(pull.recv()))
assert received == list(range(200)), received
""",
    "device": """
back = ctx.socket(zmq.PUSH)
end = ctx.socket(zmq.PULL)
end.connect(f"tcp://127.0.0.1:{back.bind_to_random_port('tcp://127.0.0.1')}")
device = gevent.spawn(zmq.device, zmq.STREAMER, pull, back)
push.connect(f"tcp://127.0.0.1:{port}")
push.send(b"a")
assert end.recv() == b"a"
device.kill()
back.close()
end.close()
""",
}


@pytest.mark.parametrize("name", BODIES)
def test_greenlets_run_while_one_waits(name: str) -> None:
    command = [sys.executable, "-c", f"import aiomq.compat\naiomq.compat.install()\n{HEAD}{BODIES[name]}{TAIL}"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)

    assert (result.returncode, result.stdout, result.stderr) == (0, "done\n", "")
