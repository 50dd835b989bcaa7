"""Signing in and out, creating an account, and what people tell about themselves."""

from typing import cast
from urllib.parse import urlsplit

from flask import Response, flash, request, url_for
from flask_login import current_user, login_user, logout_user

from evently.accounts import services
from evently.accounts.models import User
from evently.accounts.services import ProfileFields
from evently.errors import Invalid, NotAuthenticated
from evently.events.queries import EventFilters, list_public_events
from evently.http.forms import PlainForm
from evently.http.htmx import redirect_to, render
from evently.http.limits import limit_logins, limit_registrations
from evently.http.login import signed_in_user
from evently.web import blueprint
from evently.web.forms import LoginForm, ProfileForm, RegisterForm

POSTERS_ON_THE_WALL = 6


@blueprint.route("/login", methods=["GET", "POST"])
@limit_logins
def login() -> Response:
    form = LoginForm(request.form)
    if request.method != "POST":
        return redirect_to(next_address()) if current_user.is_authenticated else show_door("accounts/login.html", form)
    if form.validate():
        try:
            user = services.authenticate(login=form.username.data or "", password=form.password.data or "")
        except NotAuthenticated as error:
            form.add_refusal(error)
        else:
            login_user(user, remember=form.remember.data)
            return redirect_to(next_address())
    return show_door("accounts/login.html", form, status=422)


@blueprint.route("/register", methods=["GET", "POST"])
@limit_registrations
def register() -> Response:
    form = RegisterForm(request.form)
    if request.method != "POST":
        return redirect_to(next_address()) if current_user.is_authenticated else show_door("accounts/register.html", form)
    if form.validate():
        try:
            user = services.register(username=form.username.data or "", password=form.password.data or "", profile=profile_of(form))
        except Invalid as error:
            form.add_refusal(error)
        else:
            login_user(user)
            flash(f"Welcome, {user.first_name or user.username}. Your account is ready.")
            return redirect_to(next_address())
    return show_door("accounts/register.html", form, status=422)


@blueprint.post("/logout")
def logout() -> Response:
    logout_user()
    flash("You are signed out.")
    return redirect_to(url_for("web.list_events"))


@blueprint.route("/account", methods=["GET", "POST"])
def account() -> Response:
    user = signed_in_user()
    form = ProfileForm(request.form, obj=user)
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


def show_door(page: str, form: PlainForm, status: int = 200) -> Response:
    """A way in, beside posters of what is coming up."""
    events = list_public_events(EventFilters(is_upcoming=True, is_active=True), size=POSTERS_ON_THE_WALL).items
    return render(page, form=form, events=events, next=request.args.get("next"), status=status)


def profile_of(form: PlainForm) -> ProfileFields:
    """The fields of a profile that this form has."""
    names = ProfileFields.__annotations__.keys() & form.data.keys()
    return cast("ProfileFields", {name: form.data[name] or "" for name in names})


def roles_of(user: User) -> list[str]:
    roles = {"organizer": user.is_organizer, "staff": user.is_staff, "superuser": user.is_superuser}
    return [role for role, is_held in roles.items() if is_held]


def next_address() -> str:
    """Where the visitor was going, if that is on this site."""
    address = request.args.get("next", "")
    return address if is_local(address) else url_for("web.list_events")


def is_local(address: str) -> bool:
    """Whether this is a path of this site. Browsers read `//x` as another host, and a backslash as a slash."""
    if not address.startswith("/") or address.startswith("//") or "\\" in address:
        return False
    parts = urlsplit(address)
    return address.isprintable() and not parts.scheme and not parts.netloc
