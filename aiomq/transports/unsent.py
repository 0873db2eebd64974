"""How much of what was written the system still holds, where it tells."""

from __future__ import annotations

import socket
import struct
import sys
from typing import Final

__all__ = ["held_by_system"]

_SO_NWRITE: Final = 0x1024
"""macOS: bytes that were written and have not been sent, or not been acknowledged. Python has no name for it."""

if sys.platform == "linux":
    import fcntl
    import termios

    def held_by_system(sock: socket.socket) -> int:
        """Return the bytes that the other side's system has not acknowledged (tcp) or its program not read (ipc)."""
        try:
            return int(struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)))[0])
        except (OSError, ValueError):  # of a kind that does not tell, or closed
            return 0

else:

    def held_by_system(sock: socket.socket) -> int:
        """Return the bytes that have not been sent, on macOS; 0 on systems that do not tell."""
        if sys.platform != "darwin":
            return 0
        try:
            return sock.getsockopt(socket.SOL_SOCKET, _SO_NWRITE)
        except (OSError, ValueError):  # of a kind that does not tell, or closed
            return 0
