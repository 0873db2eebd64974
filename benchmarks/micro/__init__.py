"""One hot function at a time, with pytest-benchmark: `python -m pytest benchmarks/micro`."""
