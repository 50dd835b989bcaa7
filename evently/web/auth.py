"""The ways in and out: signing in, creating an account, signing out."""

from typing import cast

from flask import Response, flash, request, url_for
from flask_login import current_user

from evently.accounts.validation import ProfileFields
from evently.errors import DomainError, Invalid, NotAuthenticated, TooManyRequests
from evently.events.filters import EventFilters
from evently.events.queries import list_public_events
from evently.http import form_drafts
from evently.http.forms import PlainForm
from evently.http.htmx import redirect_to, render
from evently.http.idempotency import secret_response
from evently.http.login import authenticate, sign_in, sign_out
from evently.http.login import register as create_account
from evently.http.rate_limits import limit_logins, limit_registrations
from evently.http.redirects import requested_target
from evently.web import blueprint
from evently.web.account_forms import LoginForm, RegisterForm

MAX_WALL_POSTERS = 6


@blueprint.route("/login", methods=["GET", "POST"])
@limit_logins
def login() -> Response:
    form = LoginForm(request.form or form_drafts.restore())
    if request.method != "POST":
        return redirect_to(next_url()) if current_user.is_authenticated else render_auth_page("accounts/login.html", form)
    if not form.validate():
        return render_auth_page("accounts/login.html", form, status=422)
    try:
        user = authenticate(login=form.username.data or "", password=form.password.data or "")
    except (NotAuthenticated, TooManyRequests) as refusal:
        return render_error("accounts/login.html", form, refusal)
    sign_in(user, remember=form.remember.data)
    return redirect_to(next_url())


@blueprint.route("/register", methods=["GET", "POST"])
@limit_registrations
@secret_response
def register() -> Response:
    form = RegisterForm(request.form or form_drafts.restore())
    if request.method != "POST":
        return redirect_to(next_url()) if current_user.is_authenticated else render_auth_page("accounts/register.html", form)
    if not form.validate():
        return render_auth_page("accounts/register.html", form, status=422)
    try:
        username, password = form.username.data or "", form.password.data or ""
        # The page never says whether an address has an account; its owner is told by mail.
        user = create_account(username=username, password=password, profile=profile_of(form), reveals_taken=False)
    except (Invalid, TooManyRequests) as refusal:
        return render_error("accounts/register.html", form, refusal)
    sign_in(user)
    flash(f"Welcome, {user.first_name or user.username}. Your account is ready; a mail to {user.email} asks you to confirm the address.")
    return redirect_to(next_url())


@blueprint.post("/logout")
def logout() -> Response:
    sign_out()
    flash("You are signed out.")
    return redirect_to(url_for("web.list_events"))


def render_error(page: str, form: PlainForm, refusal: DomainError) -> Response:
    """The form again, with what the service had to say."""
    form.add_refusal(refusal)
    # Wrong credentials are wrong input here: nobody who may not see this page.
    response = render_auth_page(page, form, status=422 if isinstance(refusal, NotAuthenticated) else refusal.status)
    if refusal.retry_after:
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


def render_auth_page(page: str, form: PlainForm, status: int = 200) -> Response:
    """A way in, beside posters of what is coming up."""
    events = list_public_events(EventFilters(is_upcoming=True, is_active=True), size=MAX_WALL_POSTERS).items
    return render(page, form=form, events=events, next=requested_target(), is_waiting=form_drafts.has_draft(), status=status)


def profile_of(form: PlainForm) -> ProfileFields:
    """The fields of a profile that this form has."""
    names = ProfileFields.__annotations__.keys() & form.data.keys()
    return cast("ProfileFields", {name: form.data[name] or "" for name in names})


def next_url() -> str:
    """Where the visitor was going, if that is on this site."""
    return requested_target() or url_for("web.list_events")


def has_published_password() -> bool:
    """Whether there are demo accounts with the password of the README; asked in embedded mode alone."""
    from evently.demo.passwords import are_published  # noqa: PLC0415 - most processes never need the demo

    return are_published()
