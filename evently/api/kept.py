"""Answers that are kept until something changes in them, and tags by which clients know that they have the answer already."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import Response, request

from evently.accounts.versions import of_person
from evently.caching import remember
from evently.http.identity import presumed_token


@dataclass(frozen=True)
class Kept:
    """How long an answer is kept, in seconds, and the names that it is made of, by the variables of the path.

    A personal one is kept for the token that asked: to be found it needs the versions under which that token worked.
    """

    seconds: float
    of: Callable[..., Sequence[str]]
    is_personal: bool = False

    def serve(self, work_out: Callable[..., Response], **path: object) -> Response:
        """The answer that is kept, or the one that is worked out; whatever that raises is not kept."""
        key, names = f"answer:{request.url}", self.of(**path)
        if self.is_personal:
            token = presumed_token()
            key, names = f"{key} {token.id}", (*names, *of_person(token.user_id))
        body = remember(key, lambda: work_out(**path).get_data(), of=names, seconds=self.seconds)
        return Response(body, mimetype="application/json")


def tagged(response: Response) -> Response:
    """The same for everybody: it may be stored on the way, and asked about by its tag instead of sent again."""
    tag = hashlib.blake2b(response.get_data(), digest_size=12).hexdigest()
    if "If-None-Match" in request.headers and request.if_none_match.contains_weak(tag):
        response = Response(status=304)
    response.set_etag(tag)
    response.headers["Cache-Control"] = "public, no-cache"
    return response
