"""The mails this site has written, as their readers see them. Without a mail server this is where they arrive.

On the machine of an embedded site that no other machine reaches its developer may look; elsewhere staff only.
"""

from flask import Response, current_app, request
from flask_login import current_user

from evently.accounts.policies import can_manage_every_event, can_manage_people
from evently.errors import NotAllowed, NotFound
from evently.http.htmx import render
from evently.http.login import signed_in_user
from evently.http.mail_frames import framed
from evently.http.own_machine import is_own_machine
from evently.http.pagination import page_number
from evently.notifications import queries
from evently.notifications.letters import message_id
from evently.notifications.models import RESET_PASSWORD, Mail
from evently.notifications.rendering import render_mail
from evently.web import blueprint

MAIL = "/dev/mailbox/<int(max=9223372036854775807):mail_id>"


def require_reader() -> None:
    """Raises NotFound, NotAuthenticated, NotAllowed."""
    if is_own_machine() or can_manage_every_event(current_user):
        return
    if current_app.config["EMAIL_HOST"] or current_app.config["EMBEDDED"]:
        # Mails arrive where they should, or a stranger came to a demo; only staff need to know of this page.
        raise NotFound("There is nothing at this address.")
    signed_in_user()
    raise NotAllowed("Only staff can read these mails.")


def readable_mail(mail_id: int) -> Mail:
    """Raises NotFound, NotAuthenticated, NotAllowed."""
    require_reader()
    mail = queries.get_mail(mail_id)
    if mail.kind == RESET_PASSWORD and not is_own_machine() and not can_manage_people(current_user):
        # Whoever reads it can become its reader, who may be allowed more than they are.
        raise NotAllowed("Only superusers can read this mail.")
    return mail


@blueprint.get("/dev/mailbox")
def mailbox() -> Response:
    require_reader()
    page = queries.list_mails(page=page_number(request.args))
    subjects = {mail.id: render_mail(mail).subject for mail in page.items}
    return render("mailbox/index.html", page=page, subjects=subjects)


@blueprint.get(MAIL)
def mailbox_mail(mail_id: int) -> Response:
    mail = readable_mail(mail_id)
    sender, rendered = current_app.config["DEFAULT_FROM_EMAIL"], render_mail(mail)
    return render("mailbox/mail.html", mail=mail, rendered=rendered, sender=sender, message_id=message_id(mail))


@blueprint.get(f"{MAIL}/body")
def mailbox_body(mail_id: int) -> Response:
    return framed(render_mail(readable_mail(mail_id)).html)
