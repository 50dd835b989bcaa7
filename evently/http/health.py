"""Whether this process is alive, for load balancers and for the launcher."""

from flask import Blueprint, Response, jsonify

from evently.extensions import limiter

blueprint = Blueprint("health", __name__)
limiter.exempt(blueprint)


@blueprint.get("/healthz")
def alive() -> Response:
    return jsonify(status="ok")
