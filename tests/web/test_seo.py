"""What search engines and previews of links are told."""

import io
import json
import re
import xml.etree.ElementTree as ET
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image

from tests.factories import in_days, make_booking, make_event

SITE = "http://127.0.0.1:8000"


def structured(page: str) -> dict[str, Any]:
    [script] = re.findall(r'<script type="application/ld\+json" nonce="[^"]+">(.*?)</script>', page, re.DOTALL)
    return json.loads(script)


def test_an_event_in_the_words_of_schema_org(client: FlaskClient):
    event = make_event(name="Konzert", time=in_days(9), ends_at=in_days(9.1), timezone="Europe/Berlin", price_per_ticket=Decimal(24))
    said = structured(client.get(f"/events/{event.id}").text)
    assert said["@type"] == "Event"
    assert said["startDate"] == event.local_time.isoformat(timespec="minutes")
    assert said["eventStatus"] == "https://schema.org/EventScheduled"
    assert said["location"] == {"@type": "Place", "name": event.venue, "address": event.venue}
    assert said["offers"]["price"] == "24.00"
    assert said["offers"]["priceCurrency"] == "EUR"
    assert said["offers"]["availability"] == "https://schema.org/InStock"
    assert said["url"] == said["offers"]["url"] == f"{SITE}/events/{event.id}"
    assert said["organizer"]["name"] == event.organizer.full_name


@pytest.mark.parametrize(
    ("fields", "sold", "status", "availability"),
    [
        ({"capacity": 10}, 9, "EventScheduled", "LimitedAvailability"),
        ({"capacity": 2}, 2, "EventScheduled", "SoldOut"),
        ({"sales_start": in_days(3)}, 0, "EventScheduled", "PreOrder"),
        ({"status": "cancelled"}, 0, "EventCancelled", None),
        ({"time": in_days(-1)}, 0, "EventScheduled", None),
    ],
)
def test_what_is_sold_is_told_as_it_is(client: FlaskClient, fields: dict[str, Any], sold: int, status: str, availability: str | None):
    event = make_event(**fields)
    if sold:
        make_booking(event=event, tickets=sold)
    said = structured(client.get(f"/events/{event.id}").text)
    assert said["eventStatus"].endswith(status)
    assert (said.get("offers", {}).get("availability") or "").endswith(availability or "")
    assert ("offers" in said) == (availability is not None)


def test_what_happens_online_has_no_place(client: FlaskClient):
    event = make_event(venue="Online", website="https://example.org/stream")
    assert structured(client.get(f"/events/{event.id}").text)["location"] == {
        "@type": "VirtualLocation",
        "url": "https://example.org/stream",
    }


def test_no_name_ends_the_script(client: FlaskClient):
    event = make_event(name="</script><script>alert(1)</script>", summary="<!-- ' \" & -->")
    page = client.get(f"/events/{event.id}").text
    assert structured(page)["name"] == event.name
    assert "<script>alert" not in page
    assert 'og:title" content="&lt;/script&gt;' in page


def test_a_shared_link_shows_the_poster_as_a_picture(client: FlaskClient):
    event = make_event(name="Konzert", summary="Elf Sekunden Nachhall.", category="music")
    page = client.get(f"/events/{event.id}").text
    said = dict(re.findall(r'<meta property="og:([\w:]+)" content="([^"]*)"', page))
    assert said["title"] == "Konzert"
    assert said["description"] == "Elf Sekunden Nachhall."
    assert said["url"] == f"{SITE}/events/{event.id}"
    answer = client.get(said["image"].removeprefix(SITE))
    assert answer.mimetype == "image/png"
    assert "immutable" in answer.headers["Cache-Control"]
    assert Image.open(io.BytesIO(answer.data)).size == (640, 800)
    assert f'<link rel="canonical" href="{SITE}/events/{event.id}">' in page
    assert client.get(f"/events/{make_event(status='draft').id}/poster.png").status_code == 404


def test_the_site_map_names_what_is_still_to_come(client: FlaskClient):
    soon = make_event()
    for fields in ({"status": "draft"}, {"status": "cancelled"}, {"time": in_days(-1)}):
        make_event(**fields)
    answer = client.get("/sitemap.xml")
    assert answer.mimetype == "application/xml"
    addresses = [element.text for element in ET.fromstring(answer.data).iter() if element.tag.endswith("loc")]
    assert addresses == [f"{SITE}/", f"{SITE}/events/{soon.id}"]


def test_robots_find_the_map_and_stay_out_of_what_is_personal(client: FlaskClient):
    answer = client.get("/robots.txt")
    assert answer.mimetype == "text/plain"
    assert f"Sitemap: {SITE}/sitemap.xml" in answer.text
    assert "Disallow: /bookings" in answer.text
    assert "Disallow: /tickets" in answer.text


def test_every_listing_names_its_own_address(client: FlaskClient):
    for path in ("/", "/?category=music", "/?view=calendar&amp;month=2031-12"):
        assert f'<link rel="canonical" href="{SITE}{path}">' in client.get(path.replace("&amp;", "&")).text
