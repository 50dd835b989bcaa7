"""How often somebody may do what costs dear. Pages and the API count together: it is the same person at both doors."""

from flask import Flask, Response, current_app
from flask_limiter.util import get_remote_address

from evently.extensions import limiter
from evently.http.identity import find_asker


def init_app(app: Flask) -> None:
    # Registered before the limiter's own, so that it runs after it.
    app.after_request(leave_retry_after_to_refusals)
    limiter.init_app(app)


def leave_retry_after_to_refusals(response: Response) -> Response:
    """The limiter tells everybody when the window ends; where nothing was refused, that reads as "come back later"."""
    if response.status_code < 400:
        response.headers.pop("Retry-After", None)
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
