"""Requests handed to an application in this process: what it takes itself, without the web server and the way there and back."""

import io
import time
from contextvars import Context
from typing import Any

from flask import Flask
from werkzeug.test import EnvironBuilder, run_wsgi_app


def ask(app: Flask, path: str, token: str, *, times: int) -> list[float]:
    """Milliseconds of each."""
    environ = EnvironBuilder(path, headers={"Authorization": f"Token {token}"} if token else {}).get_environ()
    # As a thread of the web server has it: without an application that is current already.
    return [Context().run(_ask_once, app, environ) for _ in range(times)]


def _ask_once(app: Flask, environ: dict[str, Any]) -> float:
    asked = environ | {"wsgi.input": io.BytesIO()}
    started = time.perf_counter()
    answer, status, _ = run_wsgi_app(app, asked, buffered=True)
    milliseconds = 1000 * (time.perf_counter() - started)
    assert status == "200 OK", (environ["PATH_INFO"], status, b"".join(answer))
    return milliseconds
