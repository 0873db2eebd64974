"""ZMTP without I/O: greetings, handshakes, commands and frames, as bytes in and bytes out (RFC 13, 15, 23, 37)."""
