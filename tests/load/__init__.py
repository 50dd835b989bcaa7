"""Benchmarks: `make bench-*`. Never part of the test suite; each prints what it measured and writes docs/benchmarks/."""
