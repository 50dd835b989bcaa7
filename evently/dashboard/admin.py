"""What all pages for superusers have in common."""

from typing import Any

from flask import Response, flash, request

from evently.accounts.policies import require_people_manager
from evently.dashboard import blueprint
from evently.http.htmx import redirect_to, wants_fragment
from evently.http.login import signed_in_user

PREFIX = "/admin"


@blueprint.before_request
def require_admin() -> None:
    """Before any lookup, so that responses do not reveal what exists; the services check again."""
    if request.path.startswith(f"{blueprint.url_prefix}{PREFIX}/"):
        require_people_manager(signed_in_user())


def redirect_with_notice(news: str, address: str, show: Any) -> Response:
    """What was done, said in the fragment that asked for it, or on the page that comes next."""
    if wants_fragment():
        response: Response = show(news)
        return response
    flash(news)
    return redirect_to(address)
