"""Measurements of aiomq beside other ZeroMQ libraries: `python -m benchmarks`, explained in `benchmarks/README.md`."""
