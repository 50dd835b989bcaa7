"""`python -m evently.launch.healthcheck web|beat|NAME`: whether that part of the site runs on this machine.

NAME is what a worker was called with `-n NAME@%h`. Exit code 1, and a word about it, when it does not live.
"""

import platform
import sys
import urllib.request

from config import load_settings
from evently.beat_scheduler import current_beat_host
from evently.worker_heartbeats import has_worker


def is_alive(part: str) -> bool:
    if part.partition(":")[0] == "web":
        return _answers(part.partition(":")[2] or "8000")
    broker_url = load_settings().CELERY_BROKER_URL
    if part == "beat":
        return current_beat_host(broker_url) == platform.node()
    return has_worker(broker_url, f"{part}@{platform.node()}")


def _answers(port: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{int(port)}/healthz", timeout=3) as answer:
            return bool(answer.read())
    except OSError:
        return False


if __name__ == "__main__":
    if not is_alive(sys.argv[1]):
        sys.exit(f"{sys.argv[1]} gives no sign of life.")
