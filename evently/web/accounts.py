"""The profile of an account."""

from typing import Any

from flask import Response, flash, request, url_for

from evently.accounts import services
from evently.accounts.models import User
from evently.errors import DomainError, Invalid
from evently.http import form_drafts
from evently.http.forms import PlainForm
from evently.http.htmx import redirect_to, render
from evently.http.login import signed_in_user
from evently.web import blueprint
from evently.web.account_forms import ProfileForm
from evently.web.auth import profile_of


@blueprint.route("/account", methods=["GET", "POST"])
def account() -> Response:
    user = signed_in_user()
    form = ProfileForm(request.form or form_drafts.restore(), obj=user)
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


def render_with_errors(page: str, form: PlainForm, refusal: DomainError, **context: Any) -> Response:
    """The form again, with what was said about it."""
    form.add_refusal(refusal)
    response = render(page, form=form, status=refusal.status, **context)
    if refusal.retry_after:
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


def roles_of(user: User) -> list[str]:
    roles = {"organizer": user.is_organizer, "staff": user.is_staff, "superuser": user.is_superuser}
    return [role for role, is_held in roles.items() if is_held]
