"""What counts as text wherever people type it."""

import re

_CONTROL_CHARACTERS = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def has_control_characters(text: str) -> bool:
    """Whether there are signs that nobody means to type, some of which no database keeps (NUL, half a surrogate pair).

    Line breaks and tabs are none.
    """
    return _CONTROL_CHARACTERS.search(text) is not None
