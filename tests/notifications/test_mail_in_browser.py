"""Every mail as a screen shows it: on a phone and wider, by day and by night."""

import io
from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from evently.database import transaction, utc_now
from evently.notifications.models import FROM_ORGANIZERS, KINDS, Mail
from evently.notifications.rendering import render_mail
from tests.factories import make_booking, make_event

pytestmark = [pytest.mark.parametrize("site", ["sqlite"], indirect=True), pytest.mark.xdist_group("looks")]
LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenausstellung"
CONTEXT = {
    "event_changed": {"before": {"time": "2026-11-27T19:00:00+00:00", "venue": LONG}},
    "event_message": {"subject": LONG, "body": f"Doors at seven.\n\n{2 * LONG}\n\nSee you there!"},
}


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 390, "height": 800}, java_script_enabled=False)
    yield context.new_page()
    context.close()


@pytest.fixture
def html(app, mira):
    booking = make_booking(user=mira, event=make_event(name=f"{LONG}: {LONG}", venue=LONG), tickets=2)
    make_event(name=LONG)
    with transaction() as session:
        booking = session.merge(booking)
        booking.failure_code = "sold_out"

    def render(kind: str) -> str:
        of = {"booking": booking, "booking_id": booking.id, "event": booking.event, "event_id": booking.event_id}
        mail = Mail(delivery_key=kind, kind=kind, to_address=mira.email, user=mira, user_id=mira.id, context=CONTEXT.get(kind, {}))
        mail.created_at = utc_now()
        for name, value in of.items() if kind in FROM_ORGANIZERS else ():
            setattr(mail, name, value)
        return render_mail(mail).html

    return render


@pytest.mark.parametrize("kind", KINDS)
def test_it_fits_and_follows_the_light(page, html, kind):
    page.set_content(html(kind))
    for width, scheme in ((390, "dark"), (700, "light")):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        picture = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("L")
        # Nothing stands out to the side, which would make the picture wider.
        assert picture.width == width
        darkest, lightest = picture.getextrema()
        ground = picture.getpixel((3, picture.height - 3))
        assert ground > 200 if scheme == "light" else ground < 60
        assert lightest - darkest > 150
