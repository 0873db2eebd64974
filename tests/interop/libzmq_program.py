"""A process with one socket of libzmq, which does what it is told by lines of JSON and answers each with one line.

It is what a test restarts or kills, and what moves volume without sharing an interpreter lock with aiomq. A request is
`[verb, *arguments]`, an answer `{"result": ...}` or `{"error": ...}`; frames travel as latin-1 text.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import zmq

__all__ = ["END", "Runs", "runs", "set_options"]

Runs: TypeAlias = list[list[int]]
"""Numbers as [first, last] of each stretch that counts up by one: `[[0, 99]]` is a hundred in order, each once."""

END = b"end"
"""The last frame of the message after the last number."""


def runs(numbers: Iterable[int]) -> Runs:
    """Return the stretches in which numbers count up by one."""
    found: Runs = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found


def set_options(socket: zmq.Socket[bytes], options: dict[str, Any]) -> None:
    """Set options by their names in small letters."""
    for name, value in options.items():
        socket.setsockopt(getattr(zmq, name.upper()), value.encode("latin-1") if isinstance(value, str) else value)


class Program:
    """The verbs; each works on the one socket."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket

    def set(self, options: dict[str, Any]) -> None:
        set_options(self._socket, options)

    def bind(self, endpoint: str) -> str:
        self._socket.bind(endpoint)
        return self._socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def connect(self, endpoint: str) -> None:
        self._socket.connect(endpoint)

    def send(self, frames: Sequence[str]) -> None:
        self._socket.send_multipart([frame.encode("latin-1") for frame in frames])

    def recv(self) -> list[str]:
        return [frame.decode("latin-1") for frame in self._socket.recv_multipart()]

    def send_numbers(self, start: int, stop: int, envelope: Sequence[str]) -> None:
        """Send numbers, each as the last frame of a message."""
        before = [frame.encode("latin-1") for frame in envelope]
        send = self._socket.send_multipart
        for number in range(start, stop):
            send([*before, b"%d" % number])

    def recv_numbers(self, count: int, envelope: Sequence[str]) -> Runs:
        """Receive so many numbers, in the envelope that they are to come in."""
        before = [frame.encode("latin-1") for frame in envelope]
        return runs(self._number(self._socket.recv_multipart(), before) for _ in range(count))

    def recv_numbers_to_end(self, envelope: Sequence[str]) -> Runs:
        """Receive numbers until END comes."""
        before = [frame.encode("latin-1") for frame in envelope]
        return runs(self._number(message, before) for message in iter(self._socket.recv_multipart, [*before, END]))

    @staticmethod
    def _number(message: list[bytes], envelope: list[bytes]) -> int:
        if message[:-1] != envelope:
            raise ValueError(f"{message} is not in the envelope {envelope}")
        return int(message[-1])

    def request_numbers(self, stop: int) -> Runs:
        """Send numbers in lockstep, and return what came back."""
        answers = []
        for number in range(stop):
            self._socket.send(b"%d" % number)
            answers.append(int(self._socket.recv()))
        return runs(answers)

    def echo(self, count: int) -> None:
        """Send so many messages back as they came."""
        for _ in range(count):
            self._socket.send_multipart(self._socket.recv_multipart())


def main() -> None:
    """Serve the requests that come on stdin, until it ends."""
    with zmq.Context() as context, context.socket(int(sys.argv[1])) as socket:
        program = Program(socket)
        for line in sys.stdin:
            verb, *arguments = json.loads(line)
            try:
                answer = {"result": getattr(program, verb)(*arguments)}
            except (zmq.ZMQError, ValueError) as error:
                answer = {"error": f"{verb}: {type(error).__name__}: {error}"}
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
