"""What every answer tells browsers never to do, and by which names the site may be called."""

import re
import secrets
from functools import lru_cache
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, request

from evently.http.error_handlers import error_response

HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "strict-origin-when-cross-origin"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
# Where tickets are scanned.
CAMERA_PAGES = {"dashboard.check_in"}
# Asked by load balancers, which know a machine by its number alone; nothing on them is made from the name.
NAMELESS = {"health.alive", "health.ready", "metrics.show"}
ANYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - told apart here, not listened on


def init_app(app: Flask) -> None:
    app.after_request(add_headers)
    app.jinja_env.globals["csp_nonce"] = csp_nonce


def check_host() -> Response | None:
    """Refuse names that are not the site's: links and keys of the cache are made from them."""
    if _is_ours(request.host, _names()) or request.endpoint in NAMELESS:
        return None
    return error_response(400, "unknown_host", "This site has another name. Its operator can add this one to ALLOWED_HOSTS.")


def comes_by_https() -> bool:
    """Whether this request did, as the trusted proxy says. Whoever asks for a site of https by its name must, whatever a proxy forgot."""
    return request.is_secure or current_app.config["SITE_URL"] == f"https://{request.host}"


def csp_nonce() -> str:
    """What a script of this answer must carry to be run."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def add_headers(response: Response) -> Response:
    headers = response.headers
    if request.endpoint in CAMERA_PAGES:
        headers["Permissions-Policy"] = HEADERS[-1][1].replace("camera=()", "camera=(self)")
    # Not by setdefault, which takes half as long again as the rest of an answer from the cache.
    there = {name for name, _ in headers}
    headers.extend([header for header in HEADERS if header[0] not in there])
    if request.is_secure and (seconds := current_app.config["HSTS_SECONDS"]):
        headers["Strict-Transport-Security"] = f"max-age={seconds}"
    if response.mimetype == "text/html":
        headers.setdefault("Content-Security-Policy", _policy())
        if not request.path.startswith("/static/"):
            # Pages carry tokens and who is logged in.
            headers.setdefault("Cache-Control", "no-store" if request.method == "POST" else "private, no-cache")
    return response


def _names() -> tuple[str, ...]:
    config = current_app.config
    return (*config["ALLOWED_HOSTS"], *_own_names(config["SITE_URL"], config["HOST"]))


@lru_cache
def _own_names(site_url: str, host: str) -> tuple[str, ...]:
    """The name that people use, and the one address that the server listens on, if it is one."""
    listening = () if host in ANYWHERE else (f"[{host}]" if ":" in host else host.lower(),)
    return (_without_port(urlsplit(site_url).netloc), *listening)


@lru_cache(256)
def _is_ours(host: str, names: tuple[str, ...]) -> bool:
    name = _without_port(host)
    return name in names or "*" in names or any(name.endswith(end) or name == end[1:] for end in names if end.startswith("."))


def _without_port(host: str) -> str:
    return re.sub(r":\d+$", "", host).lower()


def _policy() -> str:
    # No host, not even the CDN's: it serves everybody's scripts, and ours carry the nonce wherever they come from.
    return (
        f"default-src 'self'; script-src 'nonce-{csp_nonce()}'; style-src 'self'; img-src 'self' data:; "
        "worker-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
