"""What the address of a list says. Whatever makes no sense counts as not said."""

from collections.abc import Mapping

# characters; longer than any honest search
LONGEST_SEARCH = 100


def text(value: str, length: int = LONGEST_SEARCH) -> str:
    # PostgreSQL takes no NUL in a text.
    return value.replace("\0", "").strip()[:length]


def one_of(allowed: Mapping[str, object], value: str) -> str:
    return value if value in allowed else ""
