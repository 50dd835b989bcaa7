"""Which page of a list an address asks for."""

from collections.abc import Mapping

# Deeper than anybody reads; beyond it the database would only work for nothing.
LAST_PAGE = 10_000


def page_number(args: Mapping[str, str]) -> int:
    """From 1; whatever makes no sense asks for the first page."""
    value = args.get("page", "")
    is_number = value.isascii() and value.isdigit() and len(value) < 10
    return max(1, min(int(value), LAST_PAGE)) if is_number else 1
