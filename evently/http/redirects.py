"""Redirect targets that come with a request: followed only where they are paths of this site."""

import unicodedata
from urllib.parse import urlsplit

from flask import request

from evently.http.htmx import wants_fragment


def is_safe_redirect(target: str) -> bool:
    """Whether a browser that is sent to this target stays on this site: a path, perhaps with a query and a fragment.

    Browsers read `//host` as another host and a backslash as a slash, drop tabs and line breaks, and some proxies fold
    full-width characters.
    """
    folded = unicodedata.normalize("NFKC", target)
    return target.isprintable() and all(
        path.startswith("/") and not path.startswith("//") and "\\" not in path for path in (target, folded)
    )


def requested_target() -> str | None:
    """Where the visitor was going, from `?next=`; None if that is not on this site."""
    target = request.args.get("next", "")
    return target if is_safe_redirect(target) else None


def referring_page() -> str | None:
    """The path and query of the page that sent this request, as the browser says; None if that is not on this site."""
    page = request.headers.get("HX-Current-URL", "") if wants_fragment() else request.referrer or ""
    try:
        parts = urlsplit(page)
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or parts.netloc != request.host:
        return None
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return target if is_safe_redirect(target) else None


def requested_path() -> str:
    """The path and query of this request, for coming back to it."""
    target = request.full_path.rstrip("?")
    return target if is_safe_redirect(target) else "/"
