"""Security mechanisms of ZMTP 3.x: what happens between the greeting and the first message."""
