"""At which door somebody asks, and who: the holder of a token at the API's, of a cookie session at that of pages."""

from typing import Any

from flask import g, request, session
from flask_login import current_user

from evently.accounts import token_cache
from evently.accounts.models import ApiToken, User
from evently.accounts.tokens import authenticate_and_touch, authenticate_token
from evently.errors import NotAuthenticated
from evently.observability import context


def is_api_path(path: str) -> bool:
    """Whether this is an address of the API, which knows tokens and JSON only; every other is a page's, the reference's too."""
    return f"{path}/".startswith("/api/") and not path.startswith("/api/docs/")


def current_user_or_none() -> User | None:
    """The person this request comes from, or None; a bad token is nobody here and refused where one is needed."""
    if not is_api_path(request.path):
        return current_user if current_user.is_authenticated else None
    try:
        return require_token().user
    except NotAuthenticated:
        return None


def require_token() -> ApiToken:
    """The token of an API request, looked up once. Raises NotAuthenticated without one that works."""
    if "api_token" not in g:
        g.api_token = authenticate_and_touch(bearer_token())
        context.bind(user_id=g.api_token.user_id)
    found: ApiToken = g.api_token
    return found


def unverified_token() -> ApiToken:
    """As `require_token`, or from memory: then whoever acts on it has yet to check that it still works."""
    if "api_token" in g:
        return require_token()
    if "presumed_token" not in g:
        g.presumed_token = authenticate_token(bearer_token())
        context.bind(user_id=g.presumed_token.user_id)
    found: ApiToken = g.presumed_token
    return found


def cached_token() -> ApiToken | None:
    """As `presumed_token`, but never by the database: None also for a token that was not used here lately."""
    if "presumed_token" not in g:
        try:
            found = token_cache.get(bearer_token())
        except NotAuthenticated:
            found = None
        if found is None:
            return None
        g.presumed_token = found
        context.bind(user_id=found.user_id)
    return unverified_token()


def has_session() -> bool:
    """Whether the request names a session that may be stored. Looks at the cookie only."""
    return bool(getattr(session, "is_marked", False))


def prefetch_session() -> None:
    """Have the session of this request, if it names one, looked up when the request is counted."""
    if has_session():
        page_session: Any = session
        page_session.prefetch()


def bearer_token() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() not in {"token", "bearer"} or not token.strip():
        raise NotAuthenticated("Send your token in the header Authorization: Token <token>.")
    return token.strip()
