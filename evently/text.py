"""What counts as text wherever people type it."""

import re
import unicodedata

_CONTROL_CHARACTERS = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
# Embeddings, overrides and isolates, which turn around what follows them. The two marks that texts of both directions need are none.
_DIRECTION_CHANGES = re.compile("[\u202a-\u202e\u2066-\u2069]")
# Between words, as in the migrations of what is searched: what PostgreSQL's own idea of a word would keep together depends on its locale.
SEPARATORS = re.compile(
    "[\0-/:-@[-`{-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7"
    "\u2000-\u206f\u2190-\u2bff\u3000-\u3004\u3008-\u3020\u3030\ufe10-\ufe6f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
    "\U0001f000-\U0001faff]+"
)
# More make a search slower and nobody's luck better.
MAX_TERMS = 8


def has_control_characters(text: str) -> bool:
    """Whether there are signs that nobody means to type, some of which no database keeps (NUL, half a surrogate pair).

    Line breaks and tabs are none.
    """
    return _CONTROL_CHARACTERS.search(text) is not None


def changes_direction(text: str) -> bool:
    """Whether a line of text could show what stands around it in another order than it is."""
    return _DIRECTION_CHANGES.search(text) is not None


def search_terms(searched: str) -> list[str]:
    """The words somebody looks for, as they are kept where words are found."""
    return split_words(searched)[:MAX_TERMS]


def split_words(text: str) -> list[str]:
    """Every word, in lower case."""
    return [word for word in SEPARATORS.split(unicodedata.normalize("NFC", text).lower()) if word]
