"""First and last names: normalised, without what cannot be seen, and no word of letters that pass for those of another script."""

import re
import unicodedata

# Unicode Technical Standard 39, 5.4: nonspacing marks on one letter.
MAX_MARKS = 4
# Scripts that one word may mix: the "highly restrictive" level of the same standard, which is Latin with those of East Asia.
MIXABLE = {"LATIN", "CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"}
# Unassigned code points are left alone: this Python may be older than a script.
_INVISIBLE = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
# Letters, marks and symbols that show nothing.
_BLANK = set("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
# Persian and the languages of India need these two between letters.
_JOINERS = re.compile("(?<=[\u0600-\u0dff])[\u200c\u200d](?=[\u0600-\u0dff])")


def normalize_name(name: str) -> str:
    return re.sub(r"[ \t\r\n]+", " ", unicodedata.normalize("NFC", name)).strip()


def name_problem(name: str) -> str | None:
    """What is wrong with a name, if something is."""
    name = _JOINERS.sub("", name)
    if any(unicodedata.category(character) in _INVISIBLE or character in _BLANK for character in name):
        return "Remove the characters that cannot be seen."
    if _most_marks(name) > MAX_MARKS:
        return f"Use at most {MAX_MARKS} accents on one letter."
    if any(_mixes_scripts(word) for word in name.split()):
        return "Use letters of one alphabet in each word."
    return None


def _most_marks(name: str) -> int:
    marks = "".join("x" if unicodedata.category(character) in {"Mn", "Me"} else " " for character in name)
    return max(map(len, marks.split()), default=0)


def _mixes_scripts(word: str) -> bool:
    # Full-width and mathematical letters count as what they stand for.
    letters = unicodedata.normalize("NFKC", word)
    scripts = {_script(letter) for letter in letters if unicodedata.category(letter) in {"Lu", "Ll", "Lt", "Lo"}}
    return len(scripts) > 1 and not scripts <= MIXABLE


def _script(letter: str) -> str:
    """The name of a letter begins with that of its script."""
    return unicodedata.name(letter, "UNKNOWN").split()[0]
