"""Wanting no more reminders, or no more messages of an organizer: the page that a link in such mails leads to."""

from flask import Response, make_response, request

from evently.extensions import csrf
from evently.http.htmx import render
from evently.notifications import subscriptions
from evently.web import blueprint


@blueprint.get("/unsubscribe/<token>")
def unsubscribe(token: str) -> Response:
    """A look changes nothing: programs that check mails for danger follow links too."""
    return show(subscriptions.open_token(token), token)


# Mail programs send this by themselves, without a page and so without its token (RFC 8058). The link is signed instead,
# and nobody else knows it.
@blueprint.post("/unsubscribe/<token>")
@csrf.exempt  # type: ignore[untyped-decorator] # Flask-WTF has no types
def confirm_unsubscription(token: str) -> Response:
    subscription = subscriptions.open_token(token)
    if request.form.get("again"):
        subscriptions.subscribe_again(subscription)
    else:
        subscriptions.unsubscribe(subscription)
    return show(subscription, token)


def show(subscription: subscriptions.Subscription, token: str) -> Response:
    response = make_response(render("mail/unsubscribe.html", subscription=subscription, token=token))
    response.headers["Cache-Control"] = "no-store"
    return response
