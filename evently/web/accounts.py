"""What people tell about themselves, and the address their tickets go to."""

from typing import Any

from flask import Response, flash, request, url_for
from flask_login import current_user

from evently.accounts import addresses, services
from evently.accounts.links import CONFIRM_ADDRESS
from evently.accounts.models import User
from evently.errors import Conflict, DomainError, Invalid, NotFound, TooManyRequests
from evently.http import unsent
from evently.http.forms import PlainForm
from evently.http.htmx import redirect_to, render
from evently.http.limits import limit_mails
from evently.http.login import check_password, signed_in_user
from evently.web import blueprint
from evently.web.account_forms import AddressForm, ProfileForm
from evently.web.doors import profile_of


@blueprint.route("/account", methods=["GET", "POST"])
def account() -> Response:
    user = signed_in_user()
    form = ProfileForm(request.form or unsent.recover(), obj=user)
    if request.method != "POST":
        return render("accounts/account.html", form=form, roles=roles_of(user))
    if form.validate():
        try:
            services.update_profile(user=user, profile=profile_of(form))
        except Invalid as error:
            form.add_refusal(error)
        else:
            flash("Your changes are saved.")
            return redirect_to(url_for("web.account"))
    return render("accounts/account.html", form=form, roles=roles_of(user), status=422)


@blueprint.route("/account/address", methods=["GET", "POST"])
def change_address() -> Response:
    """Where tickets are sent, and where the way to a new password goes: hence the password."""
    user = signed_in_user()
    form = AddressForm(request.form or unsent.recover())
    if request.method != "POST":
        return render("accounts/address.html", form=form)
    if not form.validate():
        return render("accounts/address.html", form=form, status=422)
    try:
        check_password(user, form.password.data or "")
        user = services.update_profile(user=user, profile={"email": form.email.data or ""})
    except (Invalid, TooManyRequests) as refusal:
        return show_refused("accounts/address.html", form, refusal)
    if user.email_confirmed_at is None:
        flash(f"Your tickets go to {user.email} from now on. A mail there asks you to confirm the address.")
    return redirect_to(url_for("web.change_address"))


@blueprint.post("/account/confirmation")
@limit_mails
def send_confirmation() -> Response:
    """The link once more."""
    user = signed_in_user()
    try:
        addresses.ask_for_confirmation(user=user)
    except Conflict as error:
        flash(error.message)
    else:
        flash(f"A mail is on its way to {user.email}.")
    return redirect_to(url_for("web.change_address"))


@blueprint.route("/account/confirmation/<token>", methods=["GET", "POST"])
def confirm_address(token: str) -> Response:
    """Not confirmed by a look at the page: programs that check mails for danger follow links too."""
    try:
        if request.method != "POST":
            user = CONFIRM_ADDRESS.open(token)
            return render("accounts/confirmation.html", user=user, token=token)
        user = addresses.confirm_address(token=token)
    except NotFound as error:
        return render("accounts/dead_link.html", message=error.message, is_confirmation=True, status=error.status)
    flash(f"Thank you. {user.email} is confirmed.")
    return redirect_to(url_for("web.account" if current_user.is_authenticated else "web.list_events"))


def show_refused(page: str, form: PlainForm, refusal: DomainError, **context: Any) -> Response:
    """The form again, with what was said about it."""
    form.add_refusal(refusal)
    response = render(page, form=form, status=refusal.status, **context)
    if refusal.retry_after:
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


def roles_of(user: User) -> list[str]:
    roles = {"organizer": user.is_organizer, "staff": user.is_staff, "superuser": user.is_superuser}
    return [role for role, is_held in roles.items() if is_held]
