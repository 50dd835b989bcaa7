"""What a page of the dashboard says, for tests."""

import re


def figures(page: str) -> dict[str, list[str]]:
    """The key figures of a page: name, then its lines."""
    strip = page.split('<dl class="figures">')[1].split("</dl>", maxsplit=1)[0]
    found = re.findall(r"<dt>([^<]*)</dt>(.*?)</div>", strip, re.DOTALL)
    return {name: [text for text in map(words, re.split(r"<dd[^>]*>|<br>", lines)) if text] for name, lines in found}


def needs(page: str) -> list[tuple[str, str]]:
    """What needs attention: the words, and where their link leads."""
    part = page.split('id="needs-title"')[1].split("</ul>", maxsplit=1)[0]
    return re.findall(r'<strong>([^<]*)</strong>.*?<a href="([^"]*)">[^<]*<span class="sr">', part, re.DOTALL)


def errors(page: str) -> dict[str, str]:
    """The messages beside the fields of a form, by the field's id."""
    found = re.findall(r'<p class="error" id="([a-z_]*)-error">(.*?)</p>', page, re.DOTALL)
    return {name: words(message) for name, message in found}


def words(html: str) -> str:
    return re.sub(r"<[^>]*>", "", html).strip()
