import re

import pytest

from evently.events.markdown import render


def levels(description: str) -> list[int]:
    return [int(level) for level in re.findall(r"<h(\d)>", render(description))]


def test_markdown_becomes_paragraphs_lists_and_links():
    html = render("Bring **something warm**.\n\n- pipes\n- [map](https://example.org/a?b=1)")
    assert "<p>Bring <strong>something warm</strong>.</p>" in html
    assert html.count("<li>") == 2
    assert 'href="https://example.org/a?b=1" rel="nofollow ugc noopener noreferrer"' in html


@pytest.mark.parametrize(
    "description",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](data:text/html,<script>alert(1)</script>)",
        "![x](https://example.org/pixel.gif)",
        '[x](https://example.org "\\" onmouseover=alert(1) x=\\"")',
        "<iframe src=https://example.org></iframe>",
        "<a href='java&#115;cript:alert(1)'>x</a>",
    ],
)
def test_nothing_typed_can_run_or_load(description: str):
    html = render(description)
    assert not re.search(r"<(script|img|iframe)|<[^>]*\son\w+=[^>\"]*>|(href|src)=\"?(javascript|data|java)", html)
    assert not re.search(r"<a[^>]* onmouseover=", re.sub(r'"[^"]*"', '""', html))


def test_headings_begin_below_those_of_the_page_and_skip_no_level():
    assert levels("# A\n\n## B\n\n#### C") == [3, 4, 5]
    assert levels("#### A\n\n###### B\n\n#### C") == [3, 4, 3]
    assert levels("## A\n\n# B") == [3, 3]
    assert levels("no heading") == []
