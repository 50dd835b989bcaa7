"""How the site is, for monitors."""

from typing import Any

from flask import Response

from evently.api.endpoint import endpoint
from evently.api.schemas.health import Health as HealthSchema
from evently.http import json
from evently.http.health import Health, check, may_see_details
from evently.http.rate_limits import limit_probes

UNHEALTHY = 503
HEALTHY = "Database, broker and workers are well."


@endpoint("GET", "/health/", answer=HealthSchema, auth=None, bad_news=UNHEALTHY, limit=limit_probes)
def show_health() -> dict[str, Any] | Response:
    """Whether database, broker and workers are well: 200, or 503.

    The broker's host, the names of the workers and what exactly is wrong are for staff, and for monitors that send
    METRICS_TOKEN as `Authorization: Bearer <token>`. Workers report every few seconds, so this asks none of them.
    """
    health = check()
    said = _said(health) if may_see_details() else _said(health) | _redacted(health)
    return Response(json.write(HealthSchema().dump(said)), UNHEALTHY, mimetype="application/json") if health.complaints else said


def _said(health: Health) -> dict[str, Any]:
    workers = health.workers
    return {
        "status": "unhealthy" if health.complaints else "healthy",
        "celery": "unknown" if workers is None else "running" if workers else "stopped",
        "workers": len(workers or ()),
        "broker": health.broker,
        "processes": [worker.name for worker in workers or ()],
        "message": " ".join(health.complaints) or HEALTHY,
    }


def _redacted(health: Health) -> dict[str, Any]:
    """Replaces what tells about machines and faults. The fields stay, because clients rely on them."""
    scheme = health.broker.partition("://")[0]
    return {
        "broker": "memory://" if scheme == "memory" else f"{scheme}://***",
        "processes": [f"worker-{number}" for number, _ in enumerate(health.workers or (), start=1)],
        "message": "Something the site needs is not well." if health.complaints else HEALTHY,
    }
