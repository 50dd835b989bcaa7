"""Accounts that come and go in a superuser's hands: one for staff, and many that were only for a test."""

from typing import Any, cast

from flask import Response, flash, request, url_for
from wtforms import EmailField, PasswordField, StringField
from wtforms.validators import InputRequired

from evently.accounts.account_deletion import PREFIX_LENGTH, delete_users
from evently.accounts.services import create_staff
from evently.accounts.validation import ProfileFields
from evently.dashboard import blueprint
from evently.dashboard.admin import PREFIX
from evently.errors import Invalid, TooManyRequests
from evently.http import form_drafts
from evently.http.formatting import counted
from evently.http.forms import PlainForm
from evently.http.htmx import redirect_to, render
from evently.http.login import signed_in_user


class StaffForm(PlainForm):
    """The service checks what is in it."""

    username = StringField("Username", [InputRequired("Give the account a name.")])
    email = EmailField("E-mail", [InputRequired("Say where mail for them goes.")])
    first_name = StringField("First name")
    last_name = StringField("Last name")
    password = PasswordField("First password", [InputRequired("Choose a password for them.")])


class RemovalForm(PlainForm):
    """How the usernames begin; the service says how long that must be."""

    prefix = StringField("Usernames that begin with", [InputRequired("Say how the usernames begin.")])


@blueprint.get(f"{PREFIX}/users/new")
def new_staff() -> Response:
    return render("dashboard/admin/new_staff.html", form=StaffForm(form_drafts.restore()))


@blueprint.post(f"{PREFIX}/users/new")
def add_staff() -> Response:
    form = StaffForm(request.form)
    if not form.validate():
        return render("dashboard/admin/new_staff.html", form=form, status=422)
    said = {name: str(value or "") for name, value in form.data.items()}
    username, password = said.pop("username"), said.pop("password")
    try:
        user = create_staff(by=signed_in_user(), username=username, password=password, profile=cast("ProfileFields", said))
    except (Invalid, TooManyRequests) as refusal:
        form.add_refusal(refusal)
        return render("dashboard/admin/new_staff.html", form=form, status=refusal.status)
    flash(f"{user.full_name} is on the staff. A mail is on its way to {user.email}.")
    return redirect_to(url_for("dashboard.show_user", user_id=user.id))


@blueprint.get(f"{PREFIX}/users/removal")
def remove_users() -> Response:
    """First a look at how many they would be, which changes nothing."""
    if "prefix" not in request.args:
        return show_removal(RemovalForm())
    return preview_removal(RemovalForm(request.args))


@blueprint.post(f"{PREFIX}/users/removal")
def confirm_removal() -> Response:
    """Only as many as were announced: if they have become more, or fewer, the button is shown again with the new number."""
    form, by = RemovalForm(request.form), signed_in_user()
    prefix = form.prefix.data or ""
    try:
        if str(delete_users(by=by, prefix=prefix, dry_run=True)) != request.form.get("expected"):
            return preview_removal(form, has_changed=True)
        deleted = delete_users(by=by, prefix=prefix)
    except Invalid as refusal:
        form.add_refusal(refusal)
        return show_removal(form, status=422)
    flash(f"{counted(deleted, 'person', 'people')} deleted.")
    return redirect_to(url_for("dashboard.list_users"))


def preview_removal(form: RemovalForm, *, has_changed: bool = False) -> Response:
    try:
        if form.validate():
            found = delete_users(by=signed_in_user(), prefix=form.prefix.data or "", dry_run=True)
            return show_removal(form, found=found, has_changed=has_changed, status=422 if has_changed else 200)
    except Invalid as refusal:
        form.add_refusal(refusal)
    return show_removal(form, status=422)


def show_removal(form: RemovalForm, *, found: int | None = None, has_changed: bool = False, status: int = 200) -> Response:
    context: dict[str, Any] = {"form": form, "found": found, "has_changed": has_changed, "lengths": PREFIX_LENGTH}
    return render("dashboard/admin/users_delete.html", status=status, **context)
