"""Markdown to safe HTML, with a bound on the work: the parser counts its steps, and text that takes too many is refused."""

import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

MAX_LENGTH = 20_000
MAX_CELLS = 5_000
# Levels of the parser: a list takes two, one for itself and one for its item.
MAX_NESTING = 40
MAX_HTML = 200_000
# A step is about a microsecond, and one token that is skipped in search of the end of a link. The others, as they were measured:
MAX_STEPS = 80_000
BRACKET, LINE, POSITION, TOKEN = 30, 8, 6, 3
TOO_COMPLEX = "This text has too much formatting to be shown. Use fewer lists, links, tables or emphasis."

_TAGS = {
    "p", "br", "hr", "h3", "h4", "h5", "h6", "ul", "ol", "li", "strong", "em", "s", "a", "blockquote", "code", "pre",
    "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
# h1 is the page's title and h2 the title of the section.
FIRST_HEADING = 3


class TooComplex(ValueError):
    """The text is not rendered; the message says why, for the person who wrote it."""


class _Budget:
    def __init__(self, steps: int) -> None:
        self._left = steps
        self._blocks = 0

    def spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise TooComplex(TOO_COMPLEX)

    def spend_on_line(self, blocks: int) -> None:
        """One more line is parsed, and there are so many tokens by now."""
        self.spend(LINE + TOKEN * (blocks - self._blocks))
        self._blocks = blocks


def render(source: str, *, max_steps: int = MAX_STEPS) -> Markup:
    """Safe HTML, with headings from h3 down. Raises TooComplex."""
    # Imported on first use: web processes that save no event do without them.
    import nh3  # noqa: PLC0415

    source = re.sub(r"\r\n?", "\n", source)
    _check_source(source)
    markdown, env = _markdown(), {"budget": _Budget(max_steps)}
    _spend(env, BRACKET * source.count("["))
    tokens = markdown.parse(source, env)
    if _depth(tokens) >= MAX_NESTING - 1:
        raise TooComplex("Lists and quotes are nested too deeply. Use fewer levels.")
    _lower_headings(tokens)
    html = markdown.renderer.render(tokens, markdown.options, env)
    if len(html) > MAX_HTML:
        raise TooComplex(TOO_COMPLEX)
    # markdown-it lets no HTML through, and nh3 removes all but these tags and attributes.
    safe = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto", "tel"},
        link_rel="nofollow ugc noopener noreferrer",
    )
    return Markup(safe)  # noqa: S704 - nh3 has just made it safe


def render_plain(source: str) -> Markup:
    """The text without formatting: paragraphs and line breaks only."""
    paragraphs = [Markup("<br>\n").join(lines.split("\n")) for lines in re.split(r"\n{2,}", source.strip())]
    return Markup("\n").join(Markup("<p>{}</p>").format(paragraph) for paragraph in paragraphs if paragraph)


def _check_source(source: str) -> None:
    if len(source) > MAX_LENGTH:
        raise TooComplex(f"Use at most {MAX_LENGTH:,} characters.")
    if sum(map(_cells, re.split(r"\n[ \t]*\n", source))) > MAX_CELLS:
        raise TooComplex(f"Use at most {MAX_CELLS:,} table cells.")


def _cells(block: str) -> int:
    """How many cells a table in these lines can have at most: rows are filled up to the width of the widest."""
    if "|" not in block:
        return 0
    lines = block.split("\n")
    return len(lines) * (max(line.count("|") for line in lines) + 1)


@cache
def _markdown() -> "MarkdownIt":
    from markdown_it import MarkdownIt  # noqa: PLC0415
    from markdown_it.parser_inline import ParserInline  # noqa: PLC0415

    class CountingInline(ParserInline):
        """Looks ahead for the end of a link once for each bracket, over everything that follows."""

        def skipToken(self, state: Any) -> None:  # noqa: N802 - the library's name
            _spend(state.env, 1)
            super().skipToken(state)

    markdown = MarkdownIt("js-default", {"linkify": False, "maxNesting": MAX_NESTING})
    markdown.inline = CountingInline()
    # Rules that match nothing, tried first at every line and at every position.
    interrupts = ["paragraph", "reference", "blockquote", "list", "table"]
    markdown.block.ruler.before("table", "count_lines", lambda state, *_: _count_line(state), {"alt": interrupts})
    markdown.inline.ruler.before("text", "count_positions", lambda state, *_: _spend(state.env, POSITION))
    markdown.core.ruler.after("inline", "count_tokens", lambda state: _count_tokens(state.env, state.tokens))
    return markdown


def _count_line(state: Any) -> bool:
    state.env["budget"].spend_on_line(len(state.tokens))
    return False


def _spend(env: Any, steps: int) -> bool:
    env["budget"].spend(steps)
    return False


def _count_tokens(env: Any, tokens: "list[Token]") -> None:
    _spend(env, TOKEN * sum(len(token.children or ()) for token in tokens))


def _depth(tokens: "Iterable[Token]") -> int:
    return max((token.level + _depth(token.children or ()) for token in tokens), default=0)


def _lower_headings(tokens: "list[Token]") -> None:
    """Begin at h3 and skip no level, whatever the first level is: screen readers navigate by level."""
    headings = [token for token in tokens if token.type in {"heading_open", "heading_close"}]
    top = min((int(token.tag[1]) for token in headings), default=1)
    level = FIRST_HEADING - 1
    for token in headings:
        if token.type == "heading_open":
            level = min(int(token.tag[1]) - top + FIRST_HEADING, level + 1, 6)
        token.tag = f"h{level}"
