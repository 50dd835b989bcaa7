"""Descriptions are Markdown that organizers type; pages show it as HTML that cannot do anything but be read."""

from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_TAGS = {
    "p", "br", "hr", "h3", "h4", "h5", "h6", "ul", "ol", "li", "strong", "em", "s", "a", "blockquote", "code", "pre",
    "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
# The page has used up h1 for the event's name and h2 for the description's own title.
FIRST_HEADING = 3


def description_html(description: str) -> Markup:
    """Safe HTML for a description, its headings placed below those of the page."""
    # Here and not above, as all that is large and rarely asked for: workers never render a description.
    import nh3  # noqa: PLC0415

    # One renders and does not let HTML through, the other sanitizes what came out: either alone would do on a good day.
    markdown = _markdown()
    tokens = markdown.parse(description)
    _lower_headings(tokens)
    html = markdown.renderer.render(tokens, markdown.options, {})
    safe = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto", "tel"},
        link_rel="nofollow ugc noopener noreferrer",
    )
    return Markup(safe)  # noqa: S704 - nh3 has just made it safe


@cache
def _markdown() -> "MarkdownIt":
    from markdown_it import MarkdownIt  # noqa: PLC0415

    return MarkdownIt("js-default", {"linkify": False})


def _lower_headings(tokens: "list[Token]") -> None:
    """Begin at h3 and skip no level, whatever the organizer began with: screen readers walk by levels."""
    headings = [token for token in tokens if token.type in {"heading_open", "heading_close"}]
    top = min((int(token.tag[1]) for token in headings), default=1)
    level = FIRST_HEADING - 1
    for token in headings:
        if token.type == "heading_open":
            level = min(int(token.tag[1]) - top + FIRST_HEADING, level + 1, 6)
        token.tag = f"h{level}"
