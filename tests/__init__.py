"""The test suite: `pytest`, or `make test` for everything it needs."""
