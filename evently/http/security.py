"""Headers that tell browsers what these pages never do."""

import secrets

from flask import Flask, Response, g, request


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
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "strict-origin-when-cross-origin")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Permissions-Policy", "camera=(self), geolocation=(), microphone=()")
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
