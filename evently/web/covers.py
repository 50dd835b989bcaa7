"""The pictures of events, at addresses that never show another one."""

from flask import Response, make_response

from evently.events.covers import get_cover
from evently.http.caching import cache_for_ever
from evently.web import blueprint


@blueprint.get("/covers/<digest>-<size>.jpg")
def event_cover(digest: str, size: str) -> Response:
    return cache_for_ever(make_response(get_cover(digest, size), {"Content-Type": "image/jpeg"}))
