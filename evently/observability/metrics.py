"""The figures of one process. What the database and the broker know is read when somebody asks (http/metrics.py)."""

from functools import cache

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics, values
from prometheus_client.registry import CollectorRegistry

from evently.observability import multiprocess

# How prometheus_client finds another kind of value; every metric below is made of these.
values.ValueClass = multiprocess.Value
# Moments at which counting began, as many as there are counters.
disable_created_metrics()

REGISTRY = CollectorRegistry()
# seconds
FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
SLOW = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300)

_requests = Histogram(
    "evently_http_request_duration_seconds",
    "Requests by method, route (the pattern, not the path) and status: how many, and how long each took.",
    ("method", "route", "status"),
    buckets=FAST,
    registry=REGISTRY,
)
_tasks = Histogram(
    "evently_task_duration_seconds",
    "Celery tasks by name and outcome (done, failed, retried): how many, and how long each took.",
    ("task", "outcome"),
    buckets=SLOW,
    registry=REGISTRY,
)
_batches = Histogram(
    "evently_allocator_batch_bookings",
    "Bookings that the allocator decided in one transaction.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
    registry=REGISTRY,
)
_decided = Counter("evently_bookings_decided", "Bookings by how they were decided.", ("outcome",), registry=REGISTRY)
_cache_lookups = Counter(
    "evently_cache_lookups", "Answers that were looked for in the cache, by kind.", ("kind", "result"), registry=REGISTRY
)
_mails = Counter("evently_mails_settled", "Mails by how they ended (sent, failed, suppressed).", ("outcome",), registry=REGISTRY)
_poison = Counter("evently_poison_messages", "Messages that no worker could carry out, by reason.", ("reason",), registry=REGISTRY)
_exceeded = Counter("evently_email_budget_exceeded", "E-mails that did not fit into a budget, by budget.", ("budget",), registry=REGISTRY)
_slow = Counter("evently_slow_statements", "Statements that took longer than SLOW_QUERY_MS.", registry=REGISTRY)
_in_use = Gauge("evently_database_connections_in_use", "Connections taken from the pools.", registry=REGISTRY, multiprocess_mode="livesum")
_most = Gauge("evently_database_connections_max", "Connections that the pools may open.", registry=REGISTRY, multiprocess_mode="livesum")

# Finding the numbers that belong to some labels takes longer than to add to them, so each is looked for once.
_requests_like, _tasks_like = cache(_requests.labels), cache(_tasks.labels)
_decided_like, _kept_like, _mails_like = cache(_decided.labels), cache(_cache_lookups.labels), cache(_mails.labels)


def count_request(method: str, route: str, status: int, seconds: float) -> None:
    _requests_like(method, route, status).observe(seconds)


def count_task(task: str, outcome: str, seconds: float) -> None:
    _tasks_like(task, outcome).observe(seconds)


def count_batch(confirmed: int, failed: int) -> None:
    _batches.observe(confirmed + failed)
    for outcome, number in (("confirmed", confirmed), ("failed", failed)):
        if number:
            _decided_like(outcome).inc(number)


def count_lookup(kind: str, *, is_hit: bool) -> None:
    _kept_like(kind, "found" if is_hit else "missed").inc()


def count_mail(outcome: str, number: int = 1) -> None:
    _mails_like(outcome).inc(number)


def count_poison(reason: str) -> None:
    _poison.labels(reason).inc()


def count_exceeded_budget(budget: str, number: int = 1) -> None:
    _exceeded.labels(budget).inc(number)


def count_slow_statement() -> None:
    _slow.inc()


def set_connections(number: int) -> None:
    _in_use.set(number)


def set_max_connections(number: int) -> None:
    _most.set(number)
