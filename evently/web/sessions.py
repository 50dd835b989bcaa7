"""Where somebody is signed in, and ending that."""

from flask import Response, flash, url_for

from evently.accounts import sessions
from evently.http.htmx import redirect_to, render, wants_fragment
from evently.http.login import sign_out, signed_in_user
from evently.http.sessions import page_session
from evently.web import blueprint


@blueprint.get("/account/sessions")
def list_sessions() -> Response:
    return show_sessions()


@blueprint.post("/account/sessions/<int(max=2147483647):session_id>/end")
def end_session(session_id: int) -> Response:
    if sessions.revoke_by_id(user=signed_in_user(), session_id=session_id) == page_session().id_sha256:
        sign_out()
        flash("You are signed out.")
        return redirect_to(url_for("web.list_events"))
    return redirect_with_notice("That browser is signed out.")


@blueprint.post("/account/sessions/end")
def end_other_sessions() -> Response:
    ended = sessions.revoke_others(user=signed_in_user(), kept=page_session().id_sha256)
    return redirect_with_notice("Every other browser is signed out." if ended else "You were signed in nowhere else.")


def redirect_with_notice(news: str) -> Response:
    """What happened, and the list as it is now."""
    if wants_fragment():
        return show_sessions(news)
    flash(news)
    return redirect_to(url_for("web.list_sessions"))


def show_sessions(news: str = "") -> Response:
    found = sessions.list_sessions(signed_in_user())
    here = page_session().id_sha256
    # This browser first.
    found = sorted(found, key=lambda kept: kept.id_sha256 != here)
    return render("accounts/sessions.html", "accounts/_session_list.html", sessions=found, here=here, news=news)
