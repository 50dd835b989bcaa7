"""How often somebody may do what costs dear. Pages and the API count together: it is the same person at both doors."""

from flask import Flask, Response, current_app, g
from flask_limiter.util import get_remote_address

from evently.extensions import limiter
from evently.http.identity import find_asker


def init_app(app: Flask) -> None:
    # What is registered last runs first: before the limiter's own, and after it.
    app.after_request(leave_retry_after_to_refusals)
    limiter.init_app(app)
    app.after_request(remember_retry_after)


def remember_retry_after(response: Response) -> Response:
    g.retry_after = response.headers.get("Retry-After")
    return response


def leave_retry_after_to_refusals(response: Response) -> Response:
    """The limiter tells everybody when the window ends; unless it has refused, that is not when to come back."""
    if response.status_code != 429:
        response.headers.pop("Retry-After", None)
        if g.get("retry_after"):
            response.headers["Retry-After"] = g.retry_after
    return response


def whoever_asks() -> str:
    """The person where there is one, so that a whole office behind one address can book."""
    asker = find_asker()
    return f"user:{asker.id}" if asker else get_remote_address()


limit_logins = limiter.shared_limit(lambda: str(current_app.config["LOGIN_RATE_LIMIT"]), scope="logins", methods=["POST"])
limit_registrations = limiter.shared_limit(lambda: str(current_app.config["REGISTER_RATE_LIMIT"]), scope="registrations", methods=["POST"])
limit_bookings = limiter.shared_limit(
    lambda: str(current_app.config["BOOKING_RATE_LIMIT"]), scope="bookings", key_func=whoever_asks, methods=["POST"]
)
