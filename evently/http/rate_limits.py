"""Rate limits. Pages and the API are counted together: both lead to the same services.

A request is counted in this order, so that one that is refused costs as little as possible and writes nothing:

1. before the session, the body or the database is looked at (`count_early`): by its network, or by the account of a token
   that this process has just checked;
2. requests repeated with an idempotency key get their stored response (http/idempotency.py);
3. by account, or by network for clients without one: the limit of the view, or else the general one.

Most requests tell without a look at the database who sends them. Then step 3 is counted with step 1, in one round trip.

Flask-Limiter keeps the counters: on the broker's server, or in this process while that is away. We use its storage
directly, because its own way through a request costs as much time as the booking that it guards.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any, TypeVar, cast

from flask import Flask, Response, current_app, g, request
from limits import RateLimitItem, WindowStats, parse_many

from evently.errors import NotAuthenticated, TooManyRequests
from evently.extensions import limiter
from evently.forgiving import count_in
from evently.http.authentication import cached_token, current_user_or_none, has_session, is_api_path, prefetch_session, unverified_token
from evently.http.formatting import wait_in_words
from evently.http.networks import network_key

View = TypeVar("View", bound=Callable[..., Any])
# Endpoints that no limit counts, and why. A test requests every other one and looks for its limit.
EXEMPT = {
    "static": "Files from the disk that are the same for all; in production nginx serves them.",
    "health.alive": "Reads nothing, and a refused liveness probe would restart a process that works.",
}
# Methods that read.
SAFE = {"GET", "HEAD", "OPTIONS"}
# Key in the WSGI environment: what is left, where the request was counted in front of the application (api/again.py).
COUNTED_KEY = "evently.counted"


@dataclass(frozen=True)
class Limit:
    """Requests that are counted together. `setting` holds limits such as "10 per minute; 100 per day"."""

    scope: str
    setting: str
    # By account, or else by network.
    is_by_account: bool
    methods: frozenset[str] = frozenset({"POST"})

    def __call__(self, view: View) -> View:
        """Decorator: this limit counts the calls of the view in place of the general one."""

        @wraps(view)
        def counted(*args: Any, **kwargs: Any) -> Any:
            if request.method in self.methods:
                self.count()
            return view(*args, **kwargs)

        counted.limit = self  # type: ignore[attr-defined]
        return cast("View", counted)

    def count(self) -> None:
        """Count this request, once. Raises TooManyRequests."""
        if g.get("counted_limit") is not self:
            g.counted_limit = self
            count(self.applied_to(account_key() if self.is_by_account else ""))

    def applied_to(self, account: str) -> "tuple[Limit, str]":
        """The limit that holds for this account ("": a client without one), and the key it is counted under.

        A limit by account is not for clients without one: everyone behind a shared address would be counted as one client.
        """
        if not self.is_by_account:
            return self, network_key()
        if account:
            return self, account
        return (limit_anonymous_reads if request.method in SAFE else limit_requests), network_key()


def init_app(app: Flask) -> None:
    """Before extensions that read the session or the body: `count_request` is registered after them."""
    limiter.init_app(app)
    app.before_request(count_early)
    app.after_request(add_rate_limit_headers)


def count_early() -> None:
    """Step 1. Raises TooManyRequests."""
    if request.endpoint in EXEMPT:
        return
    if window := request.environ.get(COUNTED_KEY):
        g.window, g.counted_limit = window, limit_requests
        return
    limit, is_final = _own_limit() or limit_requests, True
    if limit is limit_probes:
        # Apart: visitors must not use up what load balancers need, or a busy site would be taken out of service.
        counts = [(limit_probes, network_key())]
    elif not _may_be_repeated() and (account := _account_without_database()):
        counts = [limit.applied_to(account)]
    elif _may_be_repeated() or _may_have_account():
        counts, is_final = [(limit_networks, network_key())], False
        prefetch_session()
    else:
        counts = [(limit_networks, network_key()), limit.applied_to("")]
    if is_final:
        g.counted_limit = limit
        _prefetch_response()
    count(*counts)


def count_request() -> None:
    """Step 3, of requests whose view has no limit of its own. Raises TooManyRequests."""
    if request.endpoint not in EXEMPT and not g.get("counted_limit") and not _own_limit():
        _prefetch_response()
        limit_requests.count()


def count_before_claim() -> None:
    """Step 3, before anything is written about a request with an idempotency key. Raises TooManyRequests."""
    (_own_limit() or limit_requests).count()


def count(*counts: tuple[Limit, str]) -> None:
    """Count for these clients, up to the first limit that is exceeded, for which it raises TooManyRequests."""
    if not limiter.enabled:
        return
    # A fixed window, as the library's own limiter counts it; that works out the same key three times.
    items = [(item, item.key_for(limit.scope, key)) for limit, key in counts for item in items_of(limit)]
    found = count_in(limiter.storage, [(key, item.get_expiry(), item.amount) for item, key in items])
    for (item, _), (number, end) in zip(items, found, strict=False):
        window = WindowStats(end, max(0, item.amount - number))
        if "window" not in g or window.remaining < g.window[1].remaining:
            g.window = item, window
        if number > item.amount:
            raise too_many(end)


def count_cached_read(account: str, network: str) -> None:
    """Steps 1 and 3 for a read that is answered in front of the application; `account`: "" for clients without one."""
    count((limit_networks, network), (limit_requests, account) if account else (limit_anonymous_reads, network))


def add_rate_limit_headers(response: Response) -> Response:
    response.headers.extend(rate_limit_headers())
    return response


def rate_limit_headers() -> tuple[tuple[str, str], ...]:
    """Of the limit that is nearest to being exceeded; none where nothing was counted."""
    nearest: tuple[RateLimitItem, WindowStats] | None = g.get("window")
    if not nearest:
        return ()
    item, window = nearest
    return (
        ("X-RateLimit-Limit", str(item.amount)),
        ("X-RateLimit-Remaining", str(window.remaining)),
        ("X-RateLimit-Reset", str(math.ceil(window.reset_time))),
    )


def account_key() -> str:
    """The account this request is sent by; "" without one."""
    try:
        # Whose token it is, whether it still works or not.
        asker = unverified_token().user if is_api_path(request.path) else current_user_or_none()
    except NotAuthenticated:
        return ""
    return f"user:{asker.id}" if asker else ""


def too_many(end: float, message: str = "Too many requests. Try again in {wait}.") -> TooManyRequests:
    """The refusal until `end`, in seconds since the epoch."""
    seconds = max(1, math.ceil(end - time.time()))
    error = TooManyRequests(message.format(wait=wait_in_words(seconds)))
    error.retry_after = seconds
    return error


def items_of(limit: Limit) -> list[RateLimitItem]:
    return _parsed(current_app.config[limit.setting])


@cache
def _parsed(words: str) -> list[RateLimitItem]:
    return parse_many(words)


def _view() -> Any:
    return current_app.view_functions.get(request.endpoint or "")


def _own_limit() -> Limit | None:
    """The limit of the view that this request is for, where it has one for the method."""
    limit: Limit | None = getattr(_view(), "limit", None)
    return limit if limit and request.method in limit.methods else None


def _may_be_repeated() -> bool:
    """Whether it may have an idempotency key. That of a form is in the body, which is not read yet."""
    return request.method not in SAFE and (not is_api_path(request.path) or "Idempotency-Key" in request.headers)


def _account_without_database() -> str:
    """As `account_key`; "" also where only the database can tell."""
    token = cached_token() if is_api_path(request.path) else None
    return f"user:{token.user_id}" if token else ""


def _may_have_account() -> bool:
    return "Authorization" in request.headers if is_api_path(request.path) else has_session()


def _prefetch_response() -> None:
    """Have the response that may be cached looked up when the request is counted."""
    if kept := getattr(_view(), "kept", None):
        kept.prefetch(**request.view_args or {})


limit_networks = Limit("networks", "NETWORK_RATE_LIMIT", is_by_account=False)
limit_requests = Limit("requests", "RATELIMIT_DEFAULT", is_by_account=True)
limit_anonymous_reads = Limit("anonymous reads", "ANONYMOUS_RATE_LIMIT", is_by_account=False)
limit_probes = Limit("probes", "PROBE_RATE_LIMIT", is_by_account=False, methods=frozenset({"GET", "HEAD"}))
limit_logins = Limit("logins", "LOGIN_RATE_LIMIT", is_by_account=False)
limit_registrations = Limit("registrations", "REGISTER_RATE_LIMIT", is_by_account=False)
limit_taken_emails = Limit("taken emails", "TAKEN_EMAIL_RATE_LIMIT", is_by_account=False)
limit_bookings = Limit("bookings", "BOOKING_RATE_LIMIT", is_by_account=True)
limit_password_resets = Limit("password resets", "PASSWORD_RESET_RATE_LIMIT", is_by_account=False)
limit_mails = Limit("mails", "PASSWORD_RESET_RATE_LIMIT", is_by_account=True)
limit_drafts = Limit("form drafts", "LOGIN_RATE_LIMIT", is_by_account=False)
