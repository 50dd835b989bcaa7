import gzip
import re
from pathlib import Path

from flask.testing import FlaskClient

STATIC = Path(__file__).parents[2] / "evently" / "static"


def test_static_files_carry_a_version_and_are_kept_for_ever(client: FlaskClient):
    page = client.get("/").text
    for name in ("evently.css", "evently.js", "favicon.svg"):
        address = re.search(rf'"(/static/{name}\?v=[0-9a-f]{{8}})"', page)[1]
        assert "immutable" in client.get(address).headers["Cache-Control"]
    assert "immutable" not in client.get("/static/evently.css").headers.get("Cache-Control", "")


def test_the_stylesheet_stays_small():
    stylesheet = (STATIC / "evently.css").read_bytes()
    assert len(stylesheet) < 45_000
    assert len(gzip.compress(stylesheet)) <= 10 * 1024


def test_every_icon_that_a_template_names_is_in_the_sprite():
    drawn = set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "icons.svg").read_text()))
    templates = "".join(path.read_text() for path in (STATIC.parent / "templates").rglob("*.html"))
    named = re.findall(r'icon\("([a-z]+)"\)', templates) + re.findall(r'badge\([^)]*, "([a-z]+)"\)', templates)
    assert set(named) <= drawn
