"""Accounts and tokens."""

from typing import Any, cast

from evently.accounts import email_changes, services, tokens, validation
from evently.accounts.models import User
from evently.accounts.validation import ProfileChanges, ProfileFields
from evently.api.auth import caller
from evently.api.endpoint import endpoint
from evently.api.presenters import Presenter
from evently.api.response_cache import Kept
from evently.api.schemas.accounts import Credentials, LoggedIn, LoggedOut, Profile, Registered, Registration
from evently.api.schemas.accounts import ProfileChanges as ProfileChangesSchema
from evently.errors import Invalid
from evently.http.authentication import require_token
from evently.http.login import authenticate, check_password
from evently.http.login import register as create_account
from evently.http.rate_limits import limit_logins, limit_registrations
from evently.http.taken_emails import limited_refusals
from evently.tagged_cache import PROFILES


@endpoint(
    "POST", "/user/auth/register/", body=Registration, answer=Registered, status=201, limit=limit_registrations, auth=None, has_secret=True
)
def register(body: dict[str, Any]) -> Presenter:
    """Create an account and a token for it. Repeated with the same `Idempotency-Key`, it creates another token and no account."""
    username, password = body.pop("username"), body.pop("password")
    with limited_refusals(body["email"]):
        user = create_account(username=username, password=password, profile=cast("ProfileFields", body))
    issued = tokens.issue_token(user=user, name="registration")
    return Presenter(user, token=issued.token, expires_at=issued.expires_at)


@endpoint(
    "POST",
    "/user/auth/login/",
    body=Credentials,
    answer=LoggedIn,
    refuses=("wrong_credentials",),
    limit=limit_logins,
    auth=None,
    has_secret=True,
)
def login(body: dict[str, Any]) -> tokens.IssuedToken:
    """Get a new token by username and password, each time it is sent."""
    user = authenticate(login=body["username"], password=body["password"])
    return tokens.issue_token(user=user, name="login")


@endpoint("POST", "/user/auth/logout/", answer=LoggedOut)
def logout() -> dict[str, str]:
    """Give up the token of this request; others stay valid."""
    tokens.revoke_token(token=require_token())
    return {"status": "logged_out"}


@endpoint("GET", "/user/auth/me/", answer=Profile, kept=Kept(PROFILES, lambda: (), is_personal=True))
def show_profile() -> Presenter:
    """Who you are."""
    return _profile(caller())


@endpoint("PATCH", "/user/auth/me/", body=ProfileChangesSchema, answer=Profile, refuses=("password_required", "email_limit"))
def change_profile(body: dict[str, Any]) -> Presenter:
    """Change what is sent and leave the rest. A new `email` needs `current_password` and stays pending until it is confirmed."""
    user, password, email = caller(), body.pop("current_password", None), body.pop("email", None)
    profile = cast("ProfileChanges", body)
    if email is None or validation.parse_email(email) == user.email:
        return _profile(services.update_profile(user=user, profile=profile))
    _require_password(user, password)
    with limited_refusals(email, user):
        return _profile(email_changes.change_profile(user=user, profile=profile, email=email))


def _require_password(user: User, password: str | None) -> None:
    """Raises Invalid: "password_required" without one, "invalid" for a wrong one; TooManyRequests after too many of those."""
    if password is None:
        message = "Send your password to change the e-mail address."
        raise Invalid(message, code="password_required", fields={"current_password": [message]})
    check_password(user, password, field="current_password")


def _profile(user: User) -> Presenter:
    pending = email_changes.find_pending_change(user)
    return Presenter(user, is_email_confirmed=user.email_confirmed_at is not None, pending_email=pending.new_email if pending else None)
