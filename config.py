"""Every setting of the site, its default and its unit; nothing else reads the environment.

Settings come from environment variables and from a `.env` file beside this one (the environment wins).
Without DATABASE_URL or DB_* the site is *embedded*: one process tree on an SQLite file, with demo accounts.
"""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from evently import config_checks, env_parsers
from evently.config_urls import (
    DATABASE_VARIABLES,
    database_url_from,
    engine_options,
    is_embedded,
    redis_settings,
    sqlite_url,
    with_password,
)
from evently.env_parsers import PARSERS, ConfigurationError

ROOT = Path(__file__).resolve().parent


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the site runs with. Upper case, because Flask takes upper-case attributes as its configuration."""

    # Where things are
    EMBEDDED: bool
    DATA_DIR: Path
    # Addresses may hold a password.
    SQLALCHEMY_DATABASE_URI: str = field(repr=False)
    # None: tasks stay in this process (embedded mode).
    REDIS_URL: str | None = field(repr=False)
    SITE_URL: str
    HOST: str = "127.0.0.1"
    PORT: int = 8000
    SECRET_KEY: str = field(repr=False)
    # What the codes of tickets and their signatures are made with: another one makes every ticket worthless.
    TICKET_SECRET: str = field(repr=False)
    DEBUG: bool = False
    # The names under which the site answers, beside that of SITE_URL; ".example.org" is every name below it, "*" any.
    ALLOWED_HOSTS: tuple[str, ...] = ("localhost", "127.0.0.1")
    # The addresses of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.
    TRUSTED_PROXIES: tuple[env_parsers.Network, ...] = ()
    # How long browsers that came by https come by https only; 0 tells them nothing.
    HSTS_SECONDS: int = 31_536_000
    # Embedded mode: whether it makes demo accounts, events and bookings at its first start.
    DEMO_DATA: bool = True
    # Embedded mode that other machines reach: demo accounts have random passwords, and caught mail is for staff alone.
    PUBLIC_DEMO: bool = False

    # Pages
    DEFAULT_TIMEZONE: str = "UTC"
    DEFAULT_CURRENCY: str = "EUR"
    HTMX_URL: str = "https://cdn.jsdelivr.net/npm/htmx.org@2.0.11/dist/htmx.min.js"
    HTMX_INTEGRITY: str = "sha384-2OatzQy1H+Zd/IIrjr1TcuDGqLXeHhbooAyJY1KdQMKnr4LZ22k31GBLdYKHmVjg"
    # What reads QR codes at the door, in browsers that cannot.
    QR_READER_URL: str = "https://cdn.jsdelivr.net/npm/jsqr@1.4.0/dist/jsQR.js"
    QR_READER_INTEGRITY: str = "sha384-b5Ya4Bq3qCyz39m2ISh+4DxjAIljdeFwK/BsXLuj9gugaNwAcj/ia15fxNZL9Nlx"
    # bytes; what a form or a JSON body may weigh
    MAX_CONTENT_LENGTH: int = 1024 * 1024
    # seconds; how long a request's body may take to arrive, and longer if much of it does
    REQUEST_BODY_TIMEOUT: float = 20.0
    # Threads of a web process; those that run requests, and those that wait for bodies. The others wait for images (image_worker.py).
    WEB_THREADS: int = 16
    REQUEST_THREADS: int = 4
    BODY_THREADS: int = 8
    WTF_CSRF_TIME_LIMIT: int | None = None
    # The Referer is kept back by many who like privacy, and tokens are made of a cookie that no other site can plant.
    WTF_CSRF_SSL_STRICT: bool = False
    # Secure, and its name, follow how each request came: http/sessions.py.
    SESSION_COOKIE_HTTPONLY: bool = True
    SESSION_COOKIE_SAMESITE: str = "Lax"
    # How long one stays signed in without using the site; days for who asks to stay signed in.
    SESSION_HOURS: float = 12.0
    REMEMBERED_SESSION_DAYS: float = 30.0
    # days after signing in; then the password is needed again, however often the session was used
    SESSION_MAX_DAYS: float = 90.0
    # days; a token ends so long after its last use, and so long after it was made
    API_TOKEN_UNUSED_DAYS: float = 90.0
    API_TOKEN_DAYS: float = 365.0
    API_TOKENS_PER_USER: int = 20

    # Bookings
    MAX_TICKETS_PER_BOOKING: int = 10
    # milliseconds; wake-ups of one event within this time share one message
    WAKE_UP_WINDOW_MS: int = 80
    # milliseconds; how long an allocator waits for more after the last booking it saw
    ALLOCATOR_LINGER_MS: int = 160
    ALLOCATOR_BATCH: int = 1000
    ALLOCATE_INLINE_WITHOUT_BROKER: bool = True
    # milliseconds; how long the answer to a booking form waits for the decision when few are in line
    DECISION_WAIT_MS: int = 400
    # before an event starts; a ticket that is shown earlier is let in only by whoever says so twice
    DOOR_OPENS_HOURS: float = 12.0
    # seconds; the sweep looks every so often for bookings that nobody decided
    SWEEP_SECONDS: float = 5.0

    # Tasks
    CELERY_BROKER_URL: str = field(default="memory://", repr=False)
    # threads, prefork (processes) or solo (one task at a time); in embedded mode always threads
    WORKER_POOL: str = "threads"
    WORKER_CONCURRENCY: int = 4
    # seconds; prefork ends a task that takes longer
    TASK_TIME_LIMIT: float = 300.0

    # Limits, in the notation of flask-limiter; a network is an IPv4 address or an IPv6 /64. docs/operations.md has the reckoning.
    RATELIMIT_ENABLED: bool = True
    RATELIMIT_STORAGE_URI: str = field(default="memory://", repr=False)
    # by account; writes of clients without one by network
    RATELIMIT_DEFAULT: str = "600 per minute"
    RATELIMIT_HEADERS_ENABLED: bool = True
    RATELIMIT_STORAGE_OPTIONS: dict[str, Any] = field(default_factory=dict)
    # by network: whatever comes from it, before anything else is looked at
    NETWORK_RATE_LIMIT: str = "12000 per minute"
    # by network: reads of clients without an account
    ANONYMOUS_RATE_LIMIT: str = "6000 per minute"
    # by network: /readyz, /api/health/ and /metrics, apart from visitors
    PROBE_RATE_LIMIT: str = "300 per minute"
    # by network
    LOGIN_RATE_LIMIT: str = "60 per minute; 600 per hour"
    REGISTER_RATE_LIMIT: str = "100 per hour; 300 per day"
    TAKEN_EMAIL_RATE_LIMIT: str = "5 per hour; 20 per day"
    PASSWORD_RESET_RATE_LIMIT: str = "30 per hour; 100 per day"  # noqa: S105 - a limit
    BOOKING_RATE_LIMIT: str = "10 per minute"

    # Cache; seconds
    CACHE_ENABLED: bool = True
    CACHE_TYPE: str = "evently.cache_values.MemoryCache"
    CACHE_REDIS_URL: str | None = field(default=None, repr=False)
    CACHE_OPTIONS: dict[str, Any] = field(default_factory=dict)
    CACHE_DEFAULT_TIMEOUT: int = 300
    # Named after the format: the release before reads pickles, under another prefix.
    CACHE_KEY_PREFIX: str = "evently:msgpack:"

    # Mail; without EMAIL_HOST nothing leaves the machine and /dev/mailbox shows what would have
    EMAIL_HOST: str = ""
    EMAIL_PORT: int = 25
    EMAIL_USE_TLS: bool = False
    EMAIL_HOST_USER: str = ""
    EMAIL_HOST_PASSWORD: str = field(default="", repr=False)
    # seconds
    EMAIL_TIMEOUT: float = 10.0
    # How many connections a worker has to the mail server at once, when there is more than one can carry.
    EMAIL_CONNECTIONS: int = 4
    # Mails that all workers together send within a minute; 0: as many as the server takes.
    EMAIL_PER_MINUTE: int = 0
    DEFAULT_FROM_EMAIL: str = "Evently <tickets@evently.example>"
    # How many e-mails may be caused, in the notation of the limits above; docs/mail.md says what each covers.
    # About an account: of each kind, to one address.
    EMAIL_LIMIT_ACCOUNT: str = "5 per hour; 10 per day"
    # Caused by one signed-in person about the own account, and tests to the own address.
    EMAIL_LIMIT_SENDER: str = "20 per hour; 60 per day"
    # Bookings that one organizer adds for others, each of which sends an e-mail.
    EMAIL_LIMIT_GUESTS: str = "50 per hour; 200 per day"
    # Messages and changes to all who booked events of one organizer.
    EMAIL_LIMIT_ORGANIZER: str = "20000 per day"
    # About bookings and events, to one address: while it is not confirmed, and after.
    EMAIL_LIMIT_UNCONFIRMED: str = "10 per hour; 20 per day"
    EMAIL_LIMIT_RECIPIENT: str = "60 per hour; 200 per day"

    # Log lines of the site itself: DEBUG, INFO, WARNING or ERROR; one for each request where LOG_REQUESTS says so.
    LOG_LEVEL: str = "INFO"
    LOG_REQUESTS: bool = False
    # milliseconds; requests that take longer have a line in any case, and statements. 0: none has.
    SLOW_REQUEST_MS: float = 1000.0
    SLOW_QUERY_MS: float = 500.0
    # Without a token nobody reads /metrics.
    METRICS_TOKEN: str = field(default="", repr=False)
    # Where a worker on a machine without a web server tells its figures, to whoever asks; 0: nowhere.
    METRICS_PORT: int = 0
    METRICS_HOST: str = "127.0.0.1"

    # API; origins such as https://app.example.org whose scripts may read it
    CORS_ORIGINS: tuple[str, ...] = ()
    API_TITLE: str = "Evently"
    API_VERSION: str = "1"
    OPENAPI_VERSION: str = "3.1.0"

    SQLALCHEMY_ENGINE_OPTIONS: dict[str, Any] = field(default_factory=dict)


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of this environment (that of the process and `.env`, unless one is given).

    Raises ConfigurationError with everything in it that the site cannot run with, or must not.
    """
    if environ is None:
        environ = environment()
    problems = list(config_checks.unknown_variables(environ, VARIABLES))
    values = _read(environ, problems)
    if not values["EMBEDDED"]:
        problems += config_checks.production_problems(values)
    if problems:
        raise ConfigurationError.of(problems)
    return Settings(**values)


def _read(environ: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    """The settings by their names; what cannot be used is missing, and named in `problems`."""
    embedded = is_embedded(environ)
    data_dir = Path(environ.get("EVENTLY_DATA_DIR") or ROOT / "instance").expanduser().resolve()
    if embedded:
        data_dir.mkdir(parents=True, exist_ok=True)
    given = _parsed({name: value for name, value in environ.items() if value}, problems)
    site_url = given.pop("SITE_URL", None) or f"http://{given.get('HOST', Settings.HOST)}:{given.get('PORT', Settings.PORT)}"
    redis_url = given.pop("REDIS_URL", None) or (None if embedded else "redis://127.0.0.1:6379/0")
    if redis_url:
        redis_url = with_password(redis_url, environ.get("REDIS_PASSWORD", ""))
    values = {"EMBEDDED": embedded, "DATA_DIR": data_dir, "SITE_URL": site_url, "REDIS_URL": redis_url, "HOST": Settings.HOST}
    try:
        database_url = sqlite_url(data_dir) if embedded else database_url_from(environ)
        values |= {"SQLALCHEMY_DATABASE_URI": database_url, "SQLALCHEMY_ENGINE_OPTIONS": engine_options(database_url)}
    except ConfigurationError as error:
        problems.append(str(error))
    secret_key = environ.get("SECRET_KEY") or (kept_secret(data_dir / "secret_key") if embedded else "")
    values |= {"SECRET_KEY": secret_key, "TICKET_SECRET": environ.get("TICKET_SECRET") or secret_key}
    return values | redis_settings(redis_url) | given


def _parsed(environ: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    values = {}
    for name, parse in PARSERS.items():
        try:
            if name in environ:
                values[name] = parse(name, environ[name])
        except ConfigurationError as error:
            problems.append(str(error))
    return values


def kept_secret(path: Path) -> str:
    """The secret in this file, made on first use and readable by its owner only."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text()
    with os.fdopen(descriptor, "w") as file:
        file.write(secret := secrets.token_hex(32))
    return secret


def environment() -> dict[str, str]:
    """The variables of this process, over those of `.env`."""
    dotenv = {name: value for name, value in dotenv_values(ROOT / ".env").items() if value is not None}
    return {**dotenv, **os.environ}


def superuser_password(environ: Mapping[str, str] | None = None) -> str | None:
    """EVENTLY_PASSWORD, for the one command that makes a superuser; no setting, so that no server carries it about."""
    return (environment() if environ is None else environ).get("EVENTLY_PASSWORD") or None


# Every variable that is read; docs/configuration.md says what each means.
VARIABLES = frozenset(
    {*PARSERS, *DATABASE_VARIABLES, "REDIS_PASSWORD", "SECRET_KEY", "TICKET_SECRET", "EVENTLY_DATA_DIR", "EVENTLY_PASSWORD"}
)
