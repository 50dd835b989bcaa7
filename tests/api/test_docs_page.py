"""The reference as people read it."""

import re

import pytest

from tests.factories import log_in, make_user


@pytest.fixture
def page(client):
    response = client.get("/api/docs/")
    assert (response.status_code, response.mimetype) == (200, "text/html")
    return response.text


def test_every_address_is_explained(page, api):
    document = api("GET", "/openapi.json").json
    for path, item in document["paths"].items():
        for method in item.keys() - {"parameters"}:
            operation = item[method]
            assert f'<h3 id="{operation["operationId"]}-title"><code>{method.upper()} {path}</code></h3>' in page
            assert f'href="#{operation["operationId"]}"' in page


def test_links_within_the_page_lead_somewhere(page):
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


def test_shapes_and_examples_are_there(page):
    for words in (
        "results[].available_tickets", "organizer.username", "&#34;price_per_ticket&#34;: 24.00", "Tälberg", "8 characters or more",
        "processing, confirmed, failed, cancelled", "idempotency_key_reused", "list of UUIDs",
    ):  # fmt: skip
        assert words in page, words


def test_it_needs_no_script_and_loads_nothing_from_elsewhere(page):
    assert "<script" not in page
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)


def test_it_is_a_page_like_any_other(client, api):
    assert client.get("/api/docs/nonsense").mimetype == "text/html"
    assert client.get("/api/docs").status_code == 308
    user = make_user(first_name="Mira")
    assert "Mira" in log_in(client, user).get("/api/docs/").text
    # Beside it, a cookie is still no token.
    assert client.get("/api/user/auth/me/").status_code == 401


def test_pages_lead_to_it(client):
    assert 'href="/api/docs/"' in client.get("/").text
