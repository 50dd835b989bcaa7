"""Answers that are kept until something changes in them, and tags by which clients know that they have the answer already."""

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from flask import Response, g, request

from evently.accounts.versions import of_person
from evently.caching import foresee, remember
from evently.errors import NotAuthenticated
from evently.http.identity import presumed_token

# What an answer depends on that is the same for everybody; links in it begin with where it was asked for.
ADDRESS = ("wsgi.url_scheme", "HTTP_HOST", "SERVER_NAME", "SERVER_PORT", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING")


@dataclass(frozen=True)
class Kept:
    """How long an answer is kept, in seconds, and the names that it is made of, by the variables of the path.

    A personal one is kept for the token that asked: to be found it needs the versions under which that token worked.
    """

    seconds: float
    of: Callable[..., tuple[str, ...]]
    is_personal: bool = False

    def foresee(self, **path: object) -> None:
        """Called when the request is counted, to look it up on the same way."""
        with contextlib.suppress(NotAuthenticated):
            key, names = g.kept = self._question(path)
            foresee(key, of=names)

    def serve(self, work_out: Callable[..., Response], **path: object) -> Response:
        """The answer that is kept, or the one that is worked out; whatever that raises is not kept."""
        key, names = g.pop("kept", None) or self._question(path)
        body = remember(key, lambda: work_out(**path).get_data(), of=names, seconds=self.seconds)
        return Response(body, mimetype="application/json")

    def _question(self, path: dict[str, object]) -> tuple[str, tuple[str, ...]]:
        environ = request.environ
        address = " ".join([environ.get(part, "") for part in ADDRESS])
        if not self.is_personal:
            return f"answer:{address}", self.of(**path)
        token = presumed_token()
        return f"answer:{address} {token.id}", (*self.of(**path), *of_person(token.user_id))


def tagged(response: Response) -> Response:
    """The same for everybody: it may be stored on the way, and asked about by its tag instead of sent again."""
    tag = f'"{hashlib.blake2b(response.get_data(), digest_size=12).hexdigest()}"'
    if "HTTP_IF_NONE_MATCH" in request.environ and request.if_none_match.contains_weak(tag.strip('"')):
        response = Response(status=304)
    response.headers.extend((("ETag", tag), ("Cache-Control", "public, no-cache")))
    return response
