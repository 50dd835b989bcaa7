"""The cookie session: it belongs to pages. The API has its own tokens, and public files have nobody."""

from flask import Flask, Request, Response
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin

from evently.http.identity import is_api_path


class PageSessions(SecureCookieSessionInterface):
    """Sessions for pages only."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Whatever looks for a session while the API answers finds none, whichever cookie came along."""
        return self.make_null_session(app) if is_api_path(request.path) else super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """An answer that is everybody's neither sets the cookie nor varies by it.

        Flask-Login looks into the session after every request, and `Vary: Cookie` would make browsers fetch every
        poster again whenever the cookie changes.
        """
        if not response.cache_control.public:
            super().save_session(app, session, response)
