"""Scripts of other sites that may read the API: those of the origins in CORS_ORIGINS, and no others.

They bring a token of their own: no cookie is ever allowed along, and none would be looked at.
"""

from flask import Flask, Response, current_app, request

from evently.http.authentication import is_api_path

SENT = "Authorization, Content-Type, Idempotency-Key, If-None-Match, X-Request-ID"
SHOWN = "ETag, Idempotent-Replayed, Location, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-ID"
# seconds for which a browser need not ask again
MAX_AGE = "600"


def init_app(app: Flask) -> None:
    app.after_request(allow_origin)


def allow_origin(response: Response) -> Response:
    origins = current_app.config["CORS_ORIGINS"]
    if not origins or not is_api_path(request.path):
        return response
    response.vary.add("Origin")
    if request.headers.get("Origin") in origins:
        response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
        response.headers["Access-Control-Expose-Headers"] = SHOWN
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = response.headers.get("Allow", "")
            response.headers["Access-Control-Allow-Headers"] = SENT
            response.headers["Access-Control-Max-Age"] = MAX_AGE
    return response
