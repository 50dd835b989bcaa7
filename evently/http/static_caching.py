"""What may be kept: addresses of static files and posters carry a version, so that browsers keep them for ever."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, request

# seconds; a year, which is what browsers take for ever
IMMUTABLE = 31_536_000


def init_app(app: Flask) -> None:
    folder = Path(str(app.static_folder))

    @app.url_defaults
    def add_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and "v" not in values and (version := _version(folder, values["filename"])):
            values["v"] = version

    @app.after_request
    def keep(response: Response) -> Response:
        if request.endpoint == "static" and response.status_code in {200, 304} and "v" in request.args:
            immutable_cache(response)
        return response


def immutable_cache(response: Response) -> Response:
    """For an answer whose address changes with its content, and that is the same for everybody."""
    response.headers["Cache-Control"] = f"public, max-age={IMMUTABLE}, immutable"
    return response


def _version(folder: Path, filename: str) -> str:
    try:
        changed = (folder / filename).stat().st_mtime_ns
    except OSError:
        return ""
    return _digest(folder / filename, changed)


@cache
def _digest(path: Path, _changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:8]
