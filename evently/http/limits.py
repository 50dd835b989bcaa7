"""How often somebody may do what costs dear. Pages and the API count together: it is the same person at both doors.

Flask-Limiter keeps the counters: on the broker's server, or in this process while that is away. We ask them ourselves,
because its way through a request costs as much time as the booking that it guards.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any, TypeVar, cast

from flask import Flask, Response, current_app, g, request
from flask_limiter.util import get_remote_address
from limits import RateLimitItem, WindowStats, parse_many

from evently.errors import NotAuthenticated, TooManyRequests
from evently.extensions import limiter
from evently.http.identity import find_asker, is_api_path, presumed_token

View = TypeVar("View", bound=Callable[..., Any])
# Files that everybody gets alike, and what a monitor asks.
UNCOUNTED = {"static", "health.alive", "health.ready", "metrics.show", "api.show_health", "api_v1.show_health", "web.event_poster"}
# In the request's own variables: what was left once it was counted, by whoever comes before the application.
COUNTED = "evently.counted"


@dataclass(frozen=True)
class Limit:
    """What is counted together: `setting` holds words such as "10 per minute; 100 per day", `whose` says by whom."""

    scope: str
    setting: str
    whose: Callable[[], str]
    methods: frozenset[str] = frozenset({"POST"})

    def __call__(self, view: View) -> View:
        """Count the calls of this view, in place of the limit that holds everywhere."""

        @wraps(view)
        def counted(*args: Any, **kwargs: Any) -> Any:
            if request.method in self.methods:
                self.count()
            return view(*args, **kwargs)

        counted.is_counted = True  # type: ignore[attr-defined]
        return cast("View", counted)

    def count(self, whose: str = "") -> None:
        """Raises TooManyRequests; the answer's headers tell what is left. `whose`: known already."""
        if not limiter.enabled:
            return
        whose, storage = whose or self.whose(), limiter.storage
        for item in _parsed(current_app.config[self.setting]):
            # A fixed window, as the library's own limiter counts it; that works out the same key three times.
            key = item.key_for(self.scope, whose)
            count = storage.incr(key, item.get_expiry())
            window = WindowStats(storage.get_expiry(key), max(0, item.amount - count))
            if "window" not in g or window.remaining < g.window[1].remaining:
                g.window = item, window
            if count > item.amount:
                raise _refusal(window)


def init_app(app: Flask) -> None:
    limiter.init_app(app)
    app.before_request(count_request)
    app.after_request(tell_what_is_left)


def count_request() -> None:
    """What has no limit of its own counts towards the one that holds everywhere."""
    if window := request.environ.get(COUNTED):
        g.window = window
        return
    view = current_app.view_functions.get(request.endpoint or "")
    if request.endpoint not in UNCOUNTED and not getattr(view, "is_counted", False):
        if kept := getattr(view, "kept", None):
            kept.foresee(**request.view_args or {})
        limit_requests.count()


def tell_what_is_left(response: Response) -> Response:
    response.headers.extend(what_is_left())
    return response


def what_is_left() -> tuple[tuple[str, str], ...]:
    """Headers, of the limit that is nearest; none where nothing was counted."""
    told: tuple[RateLimitItem, WindowStats] | None = g.get("window")
    if not told:
        return ()
    item, window = told
    return (
        ("X-RateLimit-Limit", str(item.amount)),
        ("X-RateLimit-Remaining", str(window.remaining)),
        ("X-RateLimit-Reset", str(math.ceil(window.reset_time))),
    )


def whoever_asks() -> str:
    """The person where there is one, so that a whole office behind one address can book."""
    try:
        # What is counted is theirs, whether their token still works or not.
        asker = presumed_token().user if is_api_path(request.path) else find_asker()
    except NotAuthenticated:
        asker = None
    return f"user:{asker.id}" if asker else get_remote_address()


def _refusal(window: WindowStats) -> TooManyRequests:
    error = TooManyRequests("Too many requests; please wait a little.")
    error.retry_after = max(1, math.ceil(window.reset_time - time.time()))
    return error


@cache
def _parsed(words: str) -> list[RateLimitItem]:
    return parse_many(words)


limit_requests = Limit("requests", "RATELIMIT_DEFAULT", whoever_asks)
limit_logins = Limit("logins", "LOGIN_RATE_LIMIT", get_remote_address)
limit_registrations = Limit("registrations", "REGISTER_RATE_LIMIT", get_remote_address)
limit_bookings = Limit("bookings", "BOOKING_RATE_LIMIT", whoever_asks)
limit_password_resets = Limit("password resets", "PASSWORD_RESET_RATE_LIMIT", get_remote_address)
limit_mails = Limit("mails", "PASSWORD_RESET_RATE_LIMIT", whoever_asks)
