"""A mail as a document of its own, for a frame on one of our pages."""

from flask import Response, make_response

# Its own styles and nothing else, and never with the rights of this site.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)


def sandboxed(html: str) -> Response:
    response = make_response(html)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response
