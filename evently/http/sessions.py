"""The sessions of pages: a random id in a cookie, and what it stands for on the server (accounts/sessions.py).

The API has its own tokens, and public files have nobody. A visitor for whom there is nothing to remember costs no row:
the token against forgery is made from the id.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator
from functools import cached_property
from typing import Any, cast

from flask import Flask, Request, Response, current_app, g, request
from flask import session as flask_session
from flask.sessions import SessionInterface, SessionMixin

from evently.accounts import sessions, user_agents
from evently.accounts.sessions import SessionRecord, lifetime
from evently.http.authentication import is_api_path
from evently.http.security import comes_by_https

# Where Flask-WTF looks for a visitor's token against forgery, and Flask-Login for who they are.
CSRF_KEY, USER_KEY = "csrf_token", "_user_id"
# 256 random bits, and a mark where there is something to look up.
COOKIE = re.compile(r"([A-Za-z0-9_-]{43})(\.1)?")


class PageSession(SessionMixin):
    """What a visitor's cookie stands for; looked up when somebody asks."""

    def __init__(self, cookie: str = "") -> None:
        sent = COOKIE.fullmatch(cookie)
        self.new = sent is None
        self.id = sent[1] if sent else _new_id()
        self.is_marked = bool(sent and sent[2])
        self.accessed = self.modified = self.is_remembered = False
        # Whether the browser must know the id: something was written with it.
        self.is_needed = False
        self._left = ""

    @property
    def cookie(self) -> str:
        return f"{self.id}.1" if self.is_marked else self.id

    @property
    def id_sha256(self) -> str:
        return hashlib.sha256(self.id.encode()).hexdigest()

    def prefetch(self) -> None:
        """Have it looked up in the cache by whatever asks that server next."""
        sessions.prefetch(self.id_sha256)

    @cached_property
    def kept(self) -> SessionRecord | None:
        """As it was found; None while there is nothing to remember."""
        return sessions.find(self.id_sha256) if self.is_marked else None

    @cached_property
    def _values(self) -> dict[str, Any]:
        self.accessed = True
        if self.kept is None:
            return {}
        return self.kept.data | ({USER_KEY: str(self.kept.user_id)} if self.kept.user_id else {})

    def renew(self, *, is_remembered: bool = False) -> None:
        """Go on under another id, that nobody can have planted or seen; the one before ends. What is remembered comes along."""
        self._values = dict(self._values)
        self._left = self._left or (self.id_sha256 if self.kept else "")
        self.id, self.kept, self.is_marked, self.is_remembered = _new_id(), None, False, is_remembered
        self.new = self.modified = self.is_needed = True
        # It was made of the id before.
        g.pop(CSRF_KEY, None)

    def __getitem__(self, key: str) -> Any:
        if key != CSRF_KEY:
            return self._values[key]
        self.accessed = self.is_needed = True
        return hmac.digest(str(current_app.secret_key).encode(), f"forgery {self.id}".encode(), "sha256").hex()

    def __contains__(self, key: object) -> bool:
        return key == CSRF_KEY or key in self._values

    def __setitem__(self, key: str, value: Any) -> None:
        self._values[key] = value
        self.modified = True

    def __delitem__(self, key: str) -> None:
        del self._values[key]
        self.modified = True

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def save(self) -> bool:
        """Write down what changed; whether the browser is to be told the cookie."""
        if self._left:
            sessions.revoke(self._left)
        if self.modified:
            return self._write() or (self.new and self.is_needed)
        if "kept" in vars(self) and self.kept and self.kept.is_due:
            sessions.record_use(self.id_sha256, self.kept)
            self.is_remembered = self.kept.is_remembered
            return self.is_remembered
        return self.new and self.is_needed

    def _write(self) -> bool:
        """Whether this is the first that is kept."""
        data = dict(self._values)
        person = data.pop(USER_KEY, None)
        user_id = int(person) if person else None
        if not user_id and not data:
            if self.kept:
                sessions.revoke(self.id_sha256)
            return False
        if self.kept and self.kept.user_id == user_id:
            sessions.update_data(self.id_sha256, data=data)
            return False
        device = user_agents.describe(request.user_agent.string) if user_id else ""
        sessions.create(self.id_sha256, user_id=user_id, data=data, device=device, is_remembered=self.is_remembered)
        # Never taken off again: an answer that comes late would put the cookie back that was there before signing in.
        self.is_marked = True
        return True


class PageSessions(SessionInterface):
    """Sessions for pages only. By https the cookie never goes by http, and by its name no other host can have planted it."""

    def get_cookie_name(self, _app: Flask) -> str:
        return "__Host-session" if comes_by_https() else "session"

    def get_cookie_secure(self, _app: Flask) -> bool:
        return comes_by_https()

    def open_session(self, app: Flask, request: Request) -> SessionMixin:
        """Whatever looks for a session while the API answers finds none, whichever cookie came along."""
        if is_api_path(request.path):
            return self.make_null_session(app)
        return PageSession(request.cookies.get(self.get_cookie_name(app), ""))

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """An answer that is everybody's neither sets the cookie nor varies by it.

        `Vary: Cookie` would make browsers fetch every poster again whenever the cookie changes.
        """
        if response.cache_control.public:
            return
        page_session = cast("PageSession", session)
        is_told = page_session.save()
        if page_session.accessed:
            response.vary.add("Cookie")
        if is_told:
            response.set_cookie(
                self.get_cookie_name(app),
                page_session.cookie,
                max_age=lifetime(0, is_remembered=True) if page_session.is_remembered else None,
                path=self.get_cookie_path(app),
                secure=self.get_cookie_secure(app),
                httponly=self.get_cookie_httponly(app),
                samesite=self.get_cookie_samesite(app),
            )


def page_session() -> PageSession:
    """The session of this request, with what Flask does not know of it."""
    return cast("PageSession", flask_session._get_current_object())  # type: ignore[attr-defined] # noqa: SLF001 - Werkzeug's documented way to the object itself


def _new_id() -> str:
    return secrets.token_urlsafe(32)
