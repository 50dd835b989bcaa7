"""Who calls: the holder of the token in the header `Authorization`, and nobody by cookie."""

from flask import Flask, Request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface

from evently.accounts.models import User
from evently.http.identity import require_token

# For the reference: either header will do.
SCHEMES = {
    "token": {"type": "apiKey", "in": "header", "name": "Authorization", "description": "`Authorization: Token <token>`"},
    "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer <token>`"},
}
EITHER_SCHEME: list[dict[str, list[str]]] = [{name: []} for name in SCHEMES]


class PageSessions(SecureCookieSessionInterface):
    """Sessions for pages only: whatever looks for one while the API answers finds none, whichever cookie came along."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        return self.make_null_session(app) if request.path.startswith("/api/") else super().open_session(app, request)


def caller() -> User:
    """Raises NotAuthenticated without a token that works; suspended people's tokens do not."""
    return require_token().user
