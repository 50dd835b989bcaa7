"""E-mails that did not get through, sending them again, and e-mails that exceeded a budget."""

from typing import Any

from flask import Response, request, url_for

from evently.dashboard import blueprint
from evently.dashboard.admin import PREFIX, redirect_with_notice
from evently.http.formatting import counted
from evently.http.htmx import render
from evently.http.login import signed_in_user
from evently.http.pagination import page_number
from evently.notifications.outbox import count_unsettled
from evently.notifications.queries import count_held_back, delivery_outage, list_failed_mail, list_held_back
from evently.notifications.retries import retry_all, retry_mail

# In the query string: e-mails that exceeded a budget instead of those that were given up.
HELD_BACK = "held-back"


@blueprint.get(f"{PREFIX}/mail")
def failed_mail() -> Response:
    return show_failed_mail(page=page_number(request.args), is_held_back=request.args.get("show") == HELD_BACK)


@blueprint.post(f"{PREFIX}/mail/<int(max=9223372036854775807):mail_id>/retry")
def retry_failed_mail(mail_id: int) -> Response:
    mail = retry_mail(by=signed_in_user(), mail_id=mail_id)
    return flash_result(f"The mail to {mail.to_address} is on its way again.")


@blueprint.post(f"{PREFIX}/mail/retry")
def retry_all_failed_mail() -> Response:
    count = retry_all(by=signed_in_user())
    return flash_result(f"{counted(count, 'mail is', 'mails are')} on the way again." if count else "There was nothing to send again.")


def flash_result(news: str) -> Response:
    return redirect_with_notice(news, url_for("dashboard.failed_mail"), show_failed_mail)


def show_failed_mail(news: str = "", *, page: int = 1, is_held_back: bool = False) -> Response:
    found = (list_held_back if is_held_back else list_failed_mail)(by=signed_in_user(), page=page)
    context: dict[str, Any] = {
        "page": found,
        "counts": count_unsettled(),
        "trouble": delivery_outage(),
        "held_back": count_held_back(),
        "show": HELD_BACK if is_held_back else None,
        "news": news,
    }
    return render("dashboard/admin/mail.html", "dashboard/admin/_failed_mail.html", **context)
