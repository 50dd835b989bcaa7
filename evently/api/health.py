"""How the site is, for monitors."""

from typing import Any

from flask import Response

from evently.api.endpoint import endpoint
from evently.api.schemas.health import Health as HealthSchema
from evently.http import json
from evently.http.health import Health, look

UNWELL = 503


@endpoint("GET", "/health/", answer=HealthSchema, asks=None, bad_news=UNWELL)
def show_health() -> dict[str, Any] | Response:
    """Whether database, broker and workers are well: 200, or 503 with what is wrong.

    Workers tell of themselves every few seconds, so this asks none of them and is never kept waiting by a busy one.
    """
    health = look()
    said = _said(health)
    return Response(json.write(HealthSchema().dump(said)), UNWELL, mimetype="application/json") if health.complaints else said


def _said(health: Health) -> dict[str, Any]:
    workers = health.workers
    return {
        "status": "unhealthy" if health.complaints else "healthy",
        "celery": "unknown" if workers is None else "running" if workers else "stopped",
        "workers": len(workers or ()),
        "broker": health.broker,
        "processes": [worker.name for worker in workers or ()],
        "message": " ".join(health.complaints) or "Database, broker and workers are well.",
    }
