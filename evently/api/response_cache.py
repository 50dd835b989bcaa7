"""Answers that are kept until something changes in them, and tags by which clients know that they have the answer already."""

import contextlib
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, g, request
from werkzeug.http import parse_etags

from evently.accounts.cache_tags import user_tag
from evently.errors import NotAuthenticated
from evently.http.authentication import unverified_token
from evently.tagged_cache import get_or_set, prefetch

# What an answer depends on that is the same for everybody; links in it begin with where it was asked for.
ADDRESS = ("wsgi.url_scheme", "HTTP_HOST", "SERVER_NAME", "SERVER_PORT", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING")
# In place of the seats that are left in an answer that is kept. Nothing else in JSON looks like it: in a text the quotes are escaped.
UNCOUNTED = -1
_FIELD = b'"available_tickets":'

# An answer that was served: its key, the names that it is made of, and its body without seats.
Served = tuple[str, tuple[str, ...], bytes]


@dataclass(frozen=True)
class Kept:
    """How long an answer is kept, in seconds, and the names that it is made of, by the variables of the path.

    A personal one is kept for the token that asked: to be found it needs the versions under which that token worked.
    One with `seats` is kept with its seats UNCOUNTED, and they are counted each time. One that is made of nothing else
    is made of no names: it is not kept, because it can be given again for ever.
    """

    seconds: float
    of: Callable[..., tuple[str, ...]]
    is_personal: bool = False
    seats: Callable[..., int] | None = None

    def prefetch(self, **path: object) -> None:
        """Called when the request is counted, to look it up on the same way."""
        with contextlib.suppress(NotAuthenticated):
            key, names = g.question = self._question(path)
            if names:
                prefetch(key, tags=names)

    def serve(self, work_out: Callable[..., Response], **path: object) -> Response:
        """The answer that is kept, or the one that is worked out; whatever that raises is not kept."""
        key, names = g.pop("question", None) or self._question(path)

        def write() -> bytes:
            return work_out(**path).get_data()

        body = get_or_set(key, write, tags=names, seconds=self.seconds) if names else write()
        response = Response(with_seats(body, self.seats(**path)) if self.seats else body, mimetype="application/json")
        g.served = key, names, body
        return response

    def _question(self, path: dict[str, object]) -> tuple[str, tuple[str, ...]]:
        environ = request.environ
        address = " ".join([environ.get(part, "") for part in ADDRESS])
        if not self.is_personal:
            return f"answer:{address}", self.of(**path)
        token = unverified_token()
        return f"answer:{address} {token.id}", (*self.of(**path), *user_tag(token.user_id))


def with_seats(body: bytes, seats: int) -> bytes:
    """The answer that was kept without them."""
    return body.replace(b"%b%d" % (_FIELD, UNCOUNTED), b"%b%d" % (_FIELD, seats), 1)


def tagged(response: Response) -> Response:
    """The same for everybody: it may be stored on the way, and asked about by its tag instead of sent again."""
    tag = tag_of(response.get_data())
    if is_known(tag, request.environ):
        response = Response(status=304, mimetype="application/json")
    response.headers.extend((("ETag", tag), ("Cache-Control", "public, no-cache")))
    return response


def tag_of(body: bytes) -> str:
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def is_known(tag: str, environ: Mapping[str, Any]) -> bool:
    """Whether the answer of this tag is at hand where it is asked for."""
    sent = environ.get("HTTP_IF_NONE_MATCH")
    return bool(sent) and parse_etags(sent).contains_weak(tag.strip('"'))
