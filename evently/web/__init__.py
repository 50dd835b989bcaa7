"""Pages for attendees."""

from flask import Blueprint, Flask

from evently.accounts.policies import can_organize
from evently.bookings.tickets import tickets_of
from evently.database import utc_now
from evently.http.local_development import is_local_developer

blueprint = Blueprint("web", __name__)


def init_app(app: Flask) -> None:
    # Imported late: these modules add their addresses to the blueprint above.
    from evently.web import (  # noqa: F401, PLC0415
        accounts,
        auth,
        bookings,
        calendars,
        covers,
        dev_mailbox,
        email_address,
        events,
        passwords,
        privacy,
        seo,
        sessions,
        subscriptions,
        tickets,
        tokens,
    )

    app.jinja_env.filters.update(tickets_of=tickets_of, preview_of=seo.preview_of, structured_data=seo.structured_data)
    names = {"can_organize": can_organize, "feed_address": calendars.feed_address, "is_local_developer": is_local_developer}
    app.jinja_env.globals.update(names, utc_now=utc_now)
    app.jinja_env.globals["has_published_password"] = auth.has_published_password
    app.register_blueprint(blueprint)
