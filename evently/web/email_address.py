"""The e-mail address of an account: confirming it, changing it, undoing a change.

Links in mails open a page with a button, because mail scanners follow links too.
"""

from collections.abc import Callable

from flask import Response, flash, request, url_for
from flask_login import current_user

from evently.accounts import email_changes, email_confirmation
from evently.accounts.models import User
from evently.accounts.queries import get_user
from evently.accounts.signed_links import CONFIRM_ADDRESS, CONFIRM_EMAIL_CHANGE, UNDO_EMAIL_CHANGE
from evently.errors import Conflict, DomainError, Invalid, NotAllowed, NotFound, TooManyRequests
from evently.http import form_drafts
from evently.http.htmx import redirect_to, render
from evently.http.login import check_password, sign_out, signed_in_user
from evently.http.login_throttle import know_network
from evently.http.rate_limits import limit_mails
from evently.http.sessions import page_session
from evently.web import blueprint
from evently.web.account_forms import AddressForm, NewPasswordForm
from evently.web.accounts import render_with_errors


@blueprint.route("/account/address", methods=["GET", "POST"])
def change_address() -> Response:
    """Password links go to this address, so changing it needs the password."""
    user = signed_in_user()
    form = AddressForm(request.form or form_drafts.restore())
    if request.method != "POST":
        return render("accounts/address.html", form=form, pending=email_changes.find_pending_change(user))
    if not form.validate():
        return render("accounts/address.html", form=form, pending=email_changes.find_pending_change(user), status=422)
    try:
        check_password(user, form.password.data or "")
        return _request_change(user, form.email.data or "")
    except (Invalid, TooManyRequests) as error:
        return render_with_errors("accounts/address.html", form, error, pending=email_changes.find_pending_change(user))


@limit_mails
def _request_change(user: User, email: str) -> Response:
    change = email_changes.request_email_change(user=user, email=email, reveals_taken=False)
    if change:
        flash(f"We sent a link to {change.new_email}. Open it to confirm the new address; until then your tickets go to {user.email}.")
    else:
        flash(f"{user.email} is already your e-mail address.")
    return redirect_to(url_for("web.change_address"))


@blueprint.post("/account/address/cancellation")
def cancel_email_change() -> Response:
    user = signed_in_user()
    try:
        email_changes.cancel_email_change(user=user)
    except Conflict as error:
        flash(error.message)
    else:
        flash(f"The change is cancelled. Your e-mail address is still {user.email}.")
    return redirect_to(url_for("web.change_address"))


@blueprint.post("/account/confirmation")
@limit_mails
def send_confirmation() -> Response:
    """Send the link again."""
    user = signed_in_user()
    try:
        email_confirmation.send_confirmation(user=user)
    except Conflict as error:
        flash(error.message)
    else:
        flash(f"We sent a link to {user.email}.")
    return redirect_to(url_for("web.change_address"))


@blueprint.route("/account/confirmation/<token>", methods=["GET", "POST"])
def confirm_address(token: str) -> Response:
    def confirm() -> User:
        return email_confirmation.confirm_email(by=signed_in_user(), token=token, session=page_session().id_sha256)

    def show() -> Response:
        user = CONFIRM_ADDRESS.open(token)
        action = url_for("web.confirm_address", token=token)
        return _show_confirmation(user, user.email, action=action, is_done=user.email_confirmed_at is not None)

    return _confirm_or_show(confirm, show)


@blueprint.route("/account/address/confirmation/<token>", methods=["GET", "POST"])
def confirm_email_change(token: str) -> Response:
    def confirm() -> User:
        return email_changes.confirm_email_change(by=signed_in_user(), token=token, session=page_session().id_sha256)

    def show() -> Response:
        change = CONFIRM_EMAIL_CHANGE.open(token)
        action = url_for("web.confirm_email_change", token=token)
        return _show_confirmation(get_user(change.user_id), change.new_email, action=action, is_done=change.confirmed_at is not None)

    return _confirm_or_show(confirm, show)


@blueprint.route("/account/address/undo/<token>", methods=["GET", "POST"])
def undo_email_change(token: str) -> Response:
    """Restore the old address, with a new password: the person who changed it knows the old one."""
    form = NewPasswordForm(request.form)
    try:
        change = UNDO_EMAIL_CHANGE.open(token)
        if request.method != "POST" or not form.validate():
            response = render("accounts/undo_email_change.html", form=form, change=change, token=token, status=422 if form.errors else 200)
        else:
            user = email_changes.undo_email_change(token=token, new_password=form.new_password.data or "")
            know_network(user)
            # All sessions of this account have ended, this one perhaps among them.
            sign_out()
            flash(f"Your e-mail address is {user.email} and your new password is set. Sign in with it.")
            response = redirect_to(url_for("web.login"))
    except (Invalid, Conflict) as error:
        response = render_with_errors("accounts/undo_email_change.html", form, error, change=change, token=token)
    except NotFound as error:
        response = _show_dead_link(error)
    return _without_referrer(response)


def _confirm_or_show(confirm: Callable[[], User], show: Callable[[], Response]) -> Response:
    try:
        if request.method != "POST":
            return _without_referrer(show())
        user = confirm()
    except (NotAllowed, Conflict) as error:
        flash(error.message)
        return redirect_to(request.path)
    except NotFound as error:
        return _show_dead_link(error)
    flash(f"Thank you. {user.email} is confirmed.")
    return redirect_to(url_for("web.account"))


def _show_confirmation(user: User, email: str, *, action: str, is_done: bool) -> Response:
    is_same_account = current_user.is_authenticated and current_user.id == user.id
    context = {"is_done": is_done, "is_same_account": is_same_account, "is_first": user.email_confirmed_at is None}
    return render("accounts/confirmation.html", email=email, action=action, **context)


def _show_dead_link(error: DomainError) -> Response:
    return render("accounts/link_expired.html", message=error.message, is_confirmation=True, status=error.status)


def _without_referrer(response: Response) -> Response:
    """The URL is a secret: no other site is to see it."""
    response.headers["Referrer-Policy"] = "same-origin"
    return response
