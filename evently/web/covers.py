"""The pictures of events, at addresses that never show another one."""

from flask import Response, make_response

from evently.events.cover_images import get_cover
from evently.http.static_caching import immutable_cache
from evently.web import blueprint


@blueprint.get("/covers/<digest>-<size>.jpg")
def event_cover(digest: str, size: str) -> Response:
    return immutable_cache(make_response(get_cover(digest, size), {"Content-Type": "image/jpeg"}))
