"""The e-mails of this site, as their recipients see them. Without a mail server this is where they arrive.

The developer of an embedded site reads all of it, on the same machine and without an account. Everywhere else it is for
staff, whose looks are audited and who see no signed links: not even a superuser can use another person's reset link.
"""

from flask import Response, current_app, request
from flask_login import current_user

from evently.accounts.policies import can_manage_every_event
from evently.database import Page
from evently.errors import NotFound
from evently.http.htmx import render
from evently.http.local_development import is_local_developer
from evently.http.login import signed_in_user
from evently.http.mail_preview import sandboxed
from evently.http.pagination import page_number
from evently.notifications import captured_mail as mails_of_others
from evently.notifications import queries
from evently.notifications.letters import message_id
from evently.notifications.models import Mail
from evently.notifications.rendering import RenderedMail, render_mail
from evently.web import blueprint

MAIL = "/dev/mailbox/<int(max=9223372036854775807):mail_id>"


@blueprint.get("/dev/mailbox")
def mailbox() -> Response:
    page = readable_mails(page_number(request.args))
    subjects = {mail.id: rendered(mail).subject for mail in page.items}
    return render("mailbox/index.html", page=page, subjects=subjects)


@blueprint.get(MAIL)
def mailbox_mail(mail_id: int) -> Response:
    mail = readable_mail(mail_id)
    context = {"mail": mail, "rendered": rendered(mail), "sender": current_app.config["DEFAULT_FROM_EMAIL"]}
    return render("mailbox/mail.html", message_id=message_id(mail), is_redacted=not is_local_developer(), **context)


@blueprint.get(f"{MAIL}/body")
def mailbox_body(mail_id: int) -> Response:
    return sandboxed(rendered(readable_mail(mail_id)).html)


def readable_mails(page: int) -> Page[Mail]:
    """Raises NotFound, NotAuthenticated, NotAllowed."""
    if is_local_developer():
        return queries.list_mails(page=page)
    hide_from_strangers()
    return mails_of_others.list_captured(by=signed_in_user(), page=page)


def readable_mail(mail_id: int) -> Mail:
    """Raises NotFound, NotAuthenticated, NotAllowed."""
    if is_local_developer():
        return queries.get_mail(mail_id)
    hide_from_strangers()
    return mails_of_others.get_captured(by=signed_in_user(), mail_id=mail_id)


def rendered(mail: Mail) -> RenderedMail:
    return render_mail(mail, shows_secrets=is_local_developer())


def hide_from_strangers() -> None:
    """Where e-mails are sent, and on a demo that strangers visit, only staff know that there is such a page. Raises NotFound."""
    config = current_app.config
    if (config["EMAIL_HOST"] or config["EMBEDDED"]) and not can_manage_every_event(current_user):
        raise NotFound("There is nothing at this address.")
