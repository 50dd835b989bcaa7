"""Pages for organizers and staff."""

from flask import Blueprint, Flask

from evently.accounts.policies import require_organizer
from evently.http.login import signed_in_user

blueprint = Blueprint("dashboard", __name__, url_prefix="/dashboard")


def init_app(app: Flask) -> None:
    # Imported late: these modules add their addresses to the blueprint above.
    from evently.dashboard import (  # noqa: F401, PLC0415
        admin,
        analytics,
        attendee_actions,
        attendees,
        audit,
        change_preview,
        check_in,
        editor,
        event_cancellation,
        event_duplication,
        events,
        exports,
        failed_mail,
        home,
        imports,
        messages,
        staff,
        users,
        workers,
    )

    app.register_blueprint(blueprint)


@blueprint.before_request
def keep_others_out() -> None:
    """Nobody but organizers gets as far as a page; what each of them may touch, the queries and services know."""
    require_organizer(signed_in_user())
