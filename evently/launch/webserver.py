"""What both shapes of the site share: the web server's command, its port, and the wait for its first answer."""

import os
import resource
import sys
from collections.abc import Mapping

from config import ROOT, Settings
from evently.launch.ports import answers, is_taken, reachable
from evently.launch.processes import LaunchError
from evently.launch.supervisor import WEB, Service

# How many may be connected to each worker process. The web server's own limit is about 500, and who comes when it is
# reached waits until somebody else has been silent for half a minute.
CONNECTIONS = 4096
# bytes; of a connection's request line and headers, of which a server that waits for the rest of them keeps as much
HEADERS = 32 * 1024
# To the allocator in the web server: give memory back at once. What a thousand requests needed is 15 MB that stay otherwise.
ALLOCATOR = {"_RJEM_MALLOC_CONF": "narenas:1,dirty_decay_ms:0,muzzy_decay_ms:0"}
# bytes; to the C library, which Python uses: memory of uploaded files goes back, instead of staying with the thread that had it
LIBRARY = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "1048576", "MALLOC_TRIM_THRESHOLD_": "1048576"}


def refuse_taken_port(settings: Settings) -> None:
    """Raises LaunchError when another program listens there: the web server would silently share the port with it."""
    if is_taken(settings.HOST, settings.PORT):
        raise LaunchError(
            f"Port {settings.PORT} on {settings.HOST} is in use by another program. "
            f"Stop that one, or choose another port: PORT={settings.PORT + 1}"
        )


def web_service(settings: Settings, *options: str, environ: Mapping[str, str], workers: int, kill_after: int) -> Service:
    """`kill_after` is in seconds: a worker process that is asked to stop has that long for what it has begun."""
    command = [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--http", "1", "--no-ws", "--http1-buffer-size", str(HEADERS)),
        # Not its warnings: it takes all threads for such that run requests.
        *("--log-level", "error"),
        *("--host", settings.HOST, "--port", str(settings.PORT), "--workers", str(workers)),
        *("--backlog", str(CONNECTIONS), "--backpressure", str(CONNECTIONS)),
        *("--blocking-threads", str(settings.WEB_THREADS), "--workers-kill-timeout", str(kill_after), *options),
    ]
    _allow_open_files(2 * CONNECTIONS)
    return Service("The web server", command, env={**ALLOCATOR, **LIBRARY, **environ}, cwd=ROOT, tier=WEB, grace=kill_after + 0.5)


def wait_for_answer(web: Service, settings: Settings) -> None:
    """Return when the site answers. Raises LaunchError when it does not within a minute."""
    web.wait(lambda: answers(settings.HOST, settings.PORT, "/healthz"), timeout=60)


def address(settings: Settings) -> str:
    return f"http://{reachable(settings.HOST)}:{settings.PORT}"


def web_processes() -> int:
    """Web processes on a machine that also has the database and the workers, which need the other half of it (ADR 12)."""
    return max(1, (os.cpu_count() or 1) // 2)


def _allow_open_files(number: int) -> None:
    """Each connection is one; many systems allow 1024 to whoever does not ask. What we start is allowed as much."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < number:
        wanted = number if hard == resource.RLIM_INFINITY else min(number, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
