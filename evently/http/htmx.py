"""Pages and fragments: one chooser for both, so that no view asks which of the two it is."""

from typing import Any

from flask import Response, make_response, redirect, render_template, request


def wants_fragment() -> bool:
    """A request by htmx for a piece of a page: neither a boosted link nor its history asking for the whole page."""
    headers = request.headers
    return (
        headers.get("HX-Request") == "true" and headers.get("HX-Boosted") != "true" and headers.get("HX-History-Restore-Request") != "true"
    )


def render(page: str, /, fragment: str | None = None, *, status: int = 200, **context: Any) -> Response:
    """The page, or only the fragment of it that htmx asked for."""
    template = fragment if fragment and wants_fragment() else page
    response = make_response(render_template(template, **context), status)
    response.vary.add("HX-Request")
    return response


def redirect_to(url: str) -> Response:
    """Go there next: 303 for a form, 204 with HX-Redirect for htmx, which would follow a 303 into the fragment."""
    if wants_fragment():
        return Response(status=204, headers={"HX-Redirect": url})
    return make_response(redirect(url, 303))
