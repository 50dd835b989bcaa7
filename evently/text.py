"""What counts as text wherever people type it."""

import unicodedata


def has_control_characters(text: str) -> bool:
    """Whether there are signs that nobody means to type, some of which no database keeps (NUL, half a surrogate pair).

    Line breaks and tabs are none.
    """
    return any(unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\r\t" for character in text)
