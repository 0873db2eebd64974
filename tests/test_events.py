"""What a monitor event says of itself."""

from __future__ import annotations

import errno

import pytest

from aiomq.constants import Event, ProtocolError
from aiomq.events import MonitorEvent

ENDPOINT = "tcp://127.0.0.1:5555"


def text_of(event: Event, value: int) -> str:
    return str(MonitorEvent(event=event, endpoint=ENDPOINT, value=value))


@pytest.mark.parametrize(
    ("event", "value", "text"),
    [
        (Event.CONNECTED, 7, f"CONNECTED {ENDPOINT} fd 7"),
        (Event.DISCONNECTED, -1, f"DISCONNECTED {ENDPOINT}"),
        (Event.CONNECT_DELAYED, 0, f"CONNECT_DELAYED {ENDPOINT}"),
        (Event.CONNECT_RETRIED, 142, f"CONNECT_RETRIED {ENDPOINT} in 142 ms"),
        (Event.BIND_FAILED, errno.EACCES, f"BIND_FAILED {ENDPOINT} (Permission denied)"),
        (
            Event.HANDSHAKE_FAILED_PROTOCOL,
            ProtocolError.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH,
            f"HANDSHAKE_FAILED_PROTOCOL {ENDPOINT} (PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH)",
        ),
        (Event.HANDSHAKE_FAILED_PROTOCOL, 0x42, f"HANDSHAKE_FAILED_PROTOCOL {ENDPOINT} (0x42)"),
        (Event.HANDSHAKE_FAILED_AUTH, 400, f"HANDSHAKE_FAILED_AUTH {ENDPOINT} (status 400)"),
        (Event.HANDSHAKE_SUCCEEDED, 0, f"HANDSHAKE_SUCCEEDED {ENDPOINT}"),
        (Event.MONITOR_STOPPED, 0, f"MONITOR_STOPPED {ENDPOINT}"),
    ],
)
def test_event_text_says_what_where_and_the_meaning_of_its_value(event: Event, value: int, text: str) -> None:
    assert text_of(event, value) == text


@pytest.mark.parametrize("event", sorted(Event))
def test_event_text_of_every_event_starts_with_its_name(event: Event) -> None:
    assert text_of(event, 1).startswith(f"{event.name} {ENDPOINT}")


def test_event_text_with_peer_and_reason_names_them() -> None:
    event = MonitorEvent(
        event=Event.DISCONNECTED,
        endpoint=ENDPOINT,
        value=9,
        peer_address="10.0.0.2:40000",
        routing_id=b"worker\0",
        reason="the peer sent a frame of 9 bytes, MAXMSGSIZE is 8",
    )

    assert str(event) == (
        f"DISCONNECTED {ENDPOINT} peer 10.0.0.2:40000 routing id b'worker\\x00' fd 9: "
        "the peer sent a frame of 9 bytes, MAXMSGSIZE is 8"
    )


@pytest.mark.parametrize(
    ("error", "words"), [(ConnectionResetError("reset by peer"), "reset by peer"), (EOFError(), "EOFError()")]
)
def test_event_text_without_reason_takes_the_words_of_its_error(error: Exception, words: str) -> None:
    event = MonitorEvent(event=Event.CLOSED, endpoint=ENDPOINT, value=3, error=error)

    assert str(event) == f"CLOSED {ENDPOINT} fd 3: {words}"


def test_event_without_endpoint_leaves_no_gap_in_its_text() -> None:
    assert str(MonitorEvent(event=Event.MONITOR_STOPPED, endpoint="")) == "MONITOR_STOPPED"


def test_event_is_immutable() -> None:
    event = MonitorEvent(event=Event.CLOSED, endpoint=ENDPOINT)

    with pytest.raises(AttributeError):
        event.value = 5  # type: ignore[misc]  # what is tested


def test_events_compare_by_content() -> None:
    assert MonitorEvent(event=Event.CLOSED, endpoint=ENDPOINT) == MonitorEvent(event=Event.CLOSED, endpoint=ENDPOINT)
