"""Patterns: what makes each socket type behave as it does. Synchronous, without an event loop, without I/O."""
