"""JSON for integrators, over the same services as the pages."""

from flask import Flask


def init_app(app: Flask) -> None:
    del app
