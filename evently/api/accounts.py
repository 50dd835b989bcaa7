"""Accounts and tokens."""

from typing import Any, cast

from evently.accounts import services, tokens
from evently.accounts.models import User
from evently.accounts.rules import ProfileFields
from evently.api.auth import caller
from evently.api.endpoint import endpoint
from evently.api.kept import Kept
from evently.api.presenters import With
from evently.api.schemas.accounts import Credentials, LoggedIn, LoggedOut, Profile, ProfileChanges, Registered, Registration
from evently.caching import PROFILES
from evently.http.identity import require_token
from evently.http.limits import limit_logins, limit_registrations
from evently.http.login import authenticate


@endpoint("POST", "/user/auth/register/", body=Registration, answer=Registered, status=201, limit=limit_registrations, asks=None)
def register(body: dict[str, Any]) -> With:
    """Create an account and a token for it."""
    username, password = body.pop("username"), body.pop("password")
    user = services.register(username=username, password=password, profile=cast("ProfileFields", body))
    return With(user, token=tokens.issue_token(user=user, name="registration"))


@endpoint("POST", "/user/auth/login/", body=Credentials, answer=LoggedIn, refuses=("wrong_credentials",), limit=limit_logins, asks=None)
def login(body: dict[str, Any]) -> dict[str, str]:
    """Get a new token by username and password."""
    user = authenticate(login=body["username"], password=body["password"])
    return {"token": tokens.issue_token(user=user, name="login")}


@endpoint("POST", "/user/auth/logout/", answer=LoggedOut)
def logout() -> dict[str, str]:
    """Give up the token of this request; others stay valid."""
    tokens.revoke_token(token=require_token())
    return {"status": "logged_out"}


@endpoint("GET", "/user/auth/me/", answer=Profile, kept=Kept(PROFILES, lambda: (), is_personal=True))
def show_profile() -> User:
    """Who you are."""
    return caller()


@endpoint("PATCH", "/user/auth/me/", body=ProfileChanges, answer=Profile)
def change_profile(body: dict[str, Any]) -> User:
    """Change what is sent and leave the rest."""
    return services.update_profile(user=caller(), profile=cast("ProfileFields", body))
