"""Inputs that cost Markdown parsers the most, as the test suites of CommonMark implementations generate them."""

from collections.abc import Callable, Iterator

from evently.events.markdown import MAX_LENGTH


def repeat(unit: str) -> str:
    return (unit * (MAX_LENGTH // len(unit) + 1))[:MAX_LENGTH]


def counted(unit: Callable[[int], str]) -> str:
    """Each repetition differs from the one before."""
    found: list[str] = []
    length = number = 0
    while length < MAX_LENGTH:
        found.append(unit(number))
        length, number = length + len(found[-1]), number + 1
    return "".join(found)[:MAX_LENGTH]


# Units that fill a description, and what they are hard for.
UNITS: dict[str, tuple[str, ...]] = {
    "brackets": ("[", "[]", "![", "![[]()", "[ (", "[a](b", "[a](<b", '[a](x "', "[a](b)", "![a](b)", "[^", "[x][", "\\![x@y.z- a:"),
    "emphasis": ("*", "_", "*a", "_a", "a* ", "a_ ", "*a **a ", "*a _b ", "**x* ", "a**b*c* ", "~~a ", "***", "*a_ "),
    "code": ("`", "`a``", "`a", "```\n", "~~~\n", "    a\n\n"),
    "entities": ("&", "&amp;", "&#0;", "&#x10ffff;", "&lt", "&a;"),
    "tags": ("<", "<a ", "<a:", "<a@b", "<!--", "<?", "<!A ", "<![CDATA[", "</", "<<>>", "<div>\n"),
    "lists": ("- ", "* ", "1. ", "- a\n", "1. a\n", "- - a\n", "- a\n\n", "* a\n  * b\n"),
    "quotes": (">", "> ", ">" * 100 + "\n", "> - ", "> 1. - ", ">\n*![`", "> a\nb\n"),
    "tables": ("|", "a|b\n", "|\n", "|a|b|\n|-|-|\n", "|-", "a|", "|-|-|\n![("),
    "definitions": ("[a]: u\n", '[a]: u "\n', "[a\n", "[a]: <u\n", "[a]:\n", "[a]: u 'b\n", "[a]: u\n\n[a]\n\n"),
    "lines": ("a\n", "a  \n", "a\\\n", "a\n=\n", "---\n", "# a\n", "#", " #", "\n", "\r", "\r\n", "a\r", "\t", " ", "\0"),
    "marks": ("\\", "\\)", ":", "http://a ", "www.a ", "a@b ", "é", "😀", "\u200b", "=", "{", "]\n\n``*``_"),
}


def texts() -> Iterator[tuple[str, str]]:
    for kind, units in UNITS.items():
        yield from ((f"{kind} {unit!r:.40}", repeat(unit)) for unit in units)
    half = MAX_LENGTH // 2
    wide, narrow = "a|" * (half // 2) + "\n", "-|" * (half // 2)
    filled = "|" * 150 + "\n" + "-|" * 150 + "\n" + "|x\n" * 430 + "\n"
    yield from {
        "open and closed brackets": "[" * half + "]" * half,
        "links in links": "[" * 5000 + "a" + "](b)" * 3700,
        "parentheses": "[a](" + "(" * (half - 10) + ")" * (half - 10) + ")",
        "a wide table": wide + narrow,
        "a table of 5,000 columns": "|" * 5000 + "\n" + "|-" * 5000,
        "tables whose rows are filled up": (filled * 12)[:MAX_LENGTH],
        "steps of quotes": "".join(">" * depth + "a\n" for depth in range(195)),
        "steps of lists": "".join("  " * depth + "- a\n" for depth in range(135)),
        "lists in lists": "".join("- " * depth + "a\n" for depth in range(135)),
        "emphasis in emphasis": "*a **a " * 1400 + "b** b* " * 1400,
        "backticks of each length": counted(lambda number: "`" * number + "e"),
        "definitions of each name": counted(lambda number: f"[{number}]: u\n"),
        "definitions and lines": counted(lambda number: f"[{number}]: u\n")[: MAX_LENGTH // 2] + "b\n" * (half // 2),
        "a long definition used often": "[x]: /" + "u" * 9000 + "\n\n" + "[x]" * 3000,
        "names used before they are defined": "[1][2]" * 1000 + counted(lambda number: f"\n\n[{number}]: u")[:half],
        "a link over white space": "[a](" + " " * (MAX_LENGTH - 4),
        "a definition over lines": "[a]:" + " \n" * (half - 2),
        "a heading that is closed often": "# a" + " #" * (half - 2),
        "spaces within a line": "a" + " " * (MAX_LENGTH - 2) + "b",
        "one after another": "".join(unit * 20 for units in UNITS.values() for unit in units)[:MAX_LENGTH],
    }.items()
