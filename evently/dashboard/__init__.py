"""Pages for organizers and staff."""

from flask import Blueprint, Flask

blueprint = Blueprint("dashboard", __name__, url_prefix="/dashboard")


def init_app(app: Flask) -> None:
    app.register_blueprint(blueprint)
