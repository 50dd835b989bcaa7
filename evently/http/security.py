"""Headers that tell browsers what these pages never do."""

import secrets

from flask import Flask, Response, g, request

HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "strict-origin-when-cross-origin"),
    ("X-Frame-Options", "DENY"),
    ("Permissions-Policy", "camera=(self), geolocation=(), microphone=()"),
)


def init_app(app: Flask) -> None:
    app.after_request(add_headers)
    app.jinja_env.globals["csp_nonce"] = csp_nonce


def csp_nonce() -> str:
    """What a script of this answer must carry to be run."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def add_headers(response: Response) -> Response:
    headers = response.headers
    # Not by setdefault, which takes half as long again as the rest of an answer from the cache.
    headers.extend([header for header in HEADERS if header[0] not in headers])
    if response.mimetype == "text/html":
        headers.setdefault("Content-Security-Policy", _policy())
        if not request.path.startswith("/static/"):
            # Pages carry tokens and who is logged in.
            headers.setdefault("Cache-Control", "no-store" if request.method == "POST" else "private, no-cache")
    return response


def _policy() -> str:
    # No host, not even the CDN's: it serves everybody's scripts, and ours carry the nonce wherever they come from.
    return (
        f"default-src 'self'; script-src 'nonce-{csp_nonce()}'; style-src 'self'; img-src 'self' data:; "
        "worker-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
