"""What an XPUB's user has not read, against a model that is a plain list."""

from __future__ import annotations

from unittest.mock import patch

from hypothesis import example, given
from hypothesis import strategies as st

from aiomq.message import Subscription
from aiomq.options import SocketOptions
from aiomq.patterns.notifications import Notifications

changes = st.builds(
    lambda topic, on: Subscription(topic, subscribe=on), st.sampled_from([b"a", b"b", b"c"]), st.booleans()
)
steps = st.lists(st.one_of(changes, st.sampled_from(["pop", "put", "tell"])), max_size=60)


class NaiveNotifications:
    """The frames in their order, each with whether it is the last news of its topic."""

    def __init__(self, mark: int) -> None:
        self.mark = mark
        self.frames: list[tuple[bytes, bool]] = []

    def announce(self, change: Subscription) -> None:
        frame = change.as_frame()
        latest = [index for index, (each, is_latest) in enumerate(self.frames) if is_latest and each[1:] == frame[1:]]
        if len(self.frames) >= self.mark and latest:
            if self.frames[latest[0]][0] != frame:
                del self.frames[latest[0]]
            return
        for index in latest:
            self.frames[index] = (self.frames[index][0], False)
        self.frames.append((frame, True))


def news(topics: bytes, *, subscribe: bool) -> list[Subscription | str]:
    return [Subscription(bytes([topic]), subscribe=subscribe) for topic in topics]


@given(st.integers(1, 4), steps)
@example(1, [*news(b"abc", subscribe=True), *news(b"bca", subscribe=False)])
def test_notifications_after_any_steps_are_those_of_a_list(mark: int, taken: list[Subscription | str]) -> None:
    with patch("aiomq.patterns.notifications._VOID_FROM", 2):
        entries, naive = Notifications(SocketOptions(rcvhwm=mark)), NaiveNotifications(mark)
        for step in taken:
            if isinstance(step, Subscription):
                entries.announce(step, None)
                naive.announce(step)
            elif step == "pop":
                assert entries.pop() == ((naive.frames.pop(0)[0], None) if naive.frames else None)
            elif step == "put":
                entries.put(b"user", None)
                naive.frames.append((b"user", False))
            else:
                entries.tell(Subscription(b"a", subscribe=True), None)
                naive.frames.append((b"\x01a", False))
            assert len(entries) == len(naive.frames)
            assert entries.is_full is (len(naive.frames) >= mark)
        assert [entries.pop() for _ in range(len(entries))] == [(frame, None) for frame, _ in naive.frames]
