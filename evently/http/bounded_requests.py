"""A request whose form takes a bounded amount of memory."""

import io
from typing import IO, Any

from flask import Request, current_app, request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser


def is_large() -> bool:
    """Whether this body is larger than an ordinary one, or may be: chunked ones do not tell."""
    if request.content_length is None:
        return "Transfer-Encoding" in request.headers
    return bool(request.content_length > current_app.config["MAX_CONTENT_LENGTH"])


class _Parser(FormDataParser):
    """Bounds the fields of an urlencoded form, too: a million of them take 100 bytes of memory for every byte that was sent."""

    def parse(self, stream: IO[bytes], mimetype: str, content_length: int | None, options: dict[str, str] | None = None) -> Any:
        if mimetype == "application/x-www-form-urlencoded" and self.max_form_parts:
            content = stream.read()
            if content.count(b"&") >= self.max_form_parts:
                raise RequestEntityTooLarge
            stream = io.BytesIO(content)
        return super().parse(stream, mimetype, content_length, options)


class BoundedRequest(Request):
    form_data_parser_class = _Parser
