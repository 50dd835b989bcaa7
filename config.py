"""Every setting of the site, its default and its unit; nothing else reads the environment.

Settings come from environment variables and from a `.env` file beside this one (the environment wins).
Without DATABASE_URL or DB_* the site is *embedded*: one process tree on an SQLite file, with demo accounts.
"""

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dotenv import dotenv_values

from evently.variables import ConfigurationError, flag, level, milliseconds, number, origins, pool, positive, seconds, text, timezone

ROOT = Path(__file__).resolve().parent
DATABASE_VARIABLES = ("DATABASE_URL", "DB_NAME", "DB_HOST", "DB_PORT", "DB_USER", "DB_PASSWORD")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the site runs with. Upper case, because Flask takes upper-case attributes as its configuration."""

    # Where things are
    EMBEDDED: bool
    DATA_DIR: Path
    SQLALCHEMY_DATABASE_URI: str
    # None: tasks stay in this process (embedded mode).
    REDIS_URL: str | None
    SITE_URL: str
    HOST: str = "127.0.0.1"
    PORT: int = 8000
    SECRET_KEY: str = field(repr=False)
    # What the codes of tickets and their signatures are made with: another one makes every ticket worthless.
    TICKET_SECRET: str = field(repr=False)
    DEBUG: bool = False

    # Pages
    DEFAULT_TIMEZONE: str = "UTC"
    DEFAULT_CURRENCY: str = "EUR"
    HTMX_URL: str = "https://cdn.jsdelivr.net/npm/htmx.org@2.0.11/dist/htmx.min.js"
    HTMX_INTEGRITY: str = "sha384-2OatzQy1H+Zd/IIrjr1TcuDGqLXeHhbooAyJY1KdQMKnr4LZ22k31GBLdYKHmVjg"
    # bytes; what a form or a JSON body may weigh
    MAX_CONTENT_LENGTH: int = 1024 * 1024
    WTF_CSRF_TIME_LIMIT: int | None = None
    SESSION_COOKIE_NAME: str = "session"
    SESSION_COOKIE_HTTPONLY: bool = True
    SESSION_COOKIE_SAMESITE: str = "Lax"
    # Where people come by https, as SITE_URL says, cookies never go by http.
    SESSION_COOKIE_SECURE: bool = False
    # How long one stays signed in without using the site; days for who asks to stay signed in.
    SESSION_HOURS: float = 12.0
    REMEMBERED_SESSION_DAYS: float = 30.0

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
    # seconds; the sweep looks every so often for bookings that nobody decided
    SWEEP_SECONDS: float = 5.0

    # Tasks
    CELERY_BROKER_URL: str = "memory://"
    # threads, prefork (processes) or solo (one task at a time); in embedded mode always threads
    WORKER_POOL: str = "threads"
    WORKER_CONCURRENCY: int = 4
    # seconds; prefork ends a task that takes longer
    TASK_TIME_LIMIT: float = 300.0

    # Limits, in the notation of flask-limiter
    RATELIMIT_ENABLED: bool = True
    RATELIMIT_STORAGE_URI: str = "memory://"
    RATELIMIT_DEFAULT: str = "600 per minute"
    RATELIMIT_HEADERS_ENABLED: bool = True
    RATELIMIT_STORAGE_OPTIONS: dict[str, Any] = field(default_factory=dict)
    LOGIN_RATE_LIMIT: str = "20 per minute"
    REGISTER_RATE_LIMIT: str = "20 per hour"
    PASSWORD_RESET_RATE_LIMIT: str = "5 per hour"  # noqa: S105 - a limit
    BOOKING_RATE_LIMIT: str = "10 per minute"

    # Cache; seconds
    CACHE_ENABLED: bool = True
    CACHE_TYPE: str = "SimpleCache"
    CACHE_REDIS_URL: str | None = None
    CACHE_OPTIONS: dict[str, Any] = field(default_factory=dict)
    CACHE_DEFAULT_TIMEOUT: int = 300
    CACHE_KEY_PREFIX: str = "evently:"

    # Mail; without EMAIL_HOST nothing leaves the machine and /dev/mailbox shows what would have
    EMAIL_HOST: str = ""
    EMAIL_PORT: int = 25
    EMAIL_USE_TLS: bool = False
    EMAIL_HOST_USER: str = ""
    EMAIL_HOST_PASSWORD: str = field(default="", repr=False)
    # seconds
    EMAIL_TIMEOUT: float = 10.0
    DEFAULT_FROM_EMAIL: str = "Evently <tickets@evently.example>"

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

    Raises ConfigurationError, naming the variable, when a value cannot be used.
    """
    if environ is None:
        environ = environment()
    embedded = is_embedded(environ)
    data_dir = Path(environ.get("EVENTLY_DATA_DIR") or ROOT / "instance").expanduser().resolve()
    if embedded:
        data_dir.mkdir(parents=True, exist_ok=True)
    database_url = sqlite_url(data_dir) if embedded else database_url_from(environ)
    redis_url = environ.get("REDIS_URL") or (None if embedded else "redis://127.0.0.1:6379/0")
    overrides = {name: parse(name, environ[name]) for name, parse in _ADJUSTABLE.items() if environ.get(name)}
    host, port = overrides.get("HOST", Settings.HOST), overrides.get("PORT", Settings.PORT)
    site_url = (environ.get("SITE_URL") or f"http://{host}:{port}").rstrip("/")
    is_secure = site_url.startswith("https://")
    secret_key = _secret_key(environ, data_dir, embedded=embedded)
    return Settings(
        EMBEDDED=embedded,
        DATA_DIR=data_dir,
        SQLALCHEMY_DATABASE_URI=database_url,
        SQLALCHEMY_ENGINE_OPTIONS=_engine_options(database_url),
        REDIS_URL=redis_url,
        SITE_URL=site_url,
        SESSION_COOKIE_SECURE=is_secure,
        # Browsers take a cookie of such a name only from this very host, and by https.
        SESSION_COOKIE_NAME="__Host-session" if is_secure else "session",
        SECRET_KEY=secret_key,
        TICKET_SECRET=environ.get("TICKET_SECRET") or secret_key,
        **(_on_redis(redis_url) if redis_url else {}),
        **overrides,
    )


def is_embedded(environ: Mapping[str, str]) -> bool:
    """Whether no database is configured, so that the site brings its own SQLite file and demo accounts."""
    return not any(environ.get(name) for name in DATABASE_VARIABLES)


def sqlite_url(data_dir: Path) -> str:
    return f"sqlite:///{data_dir / 'evently.sqlite3'}"


def database_url_from(environ: Mapping[str, str]) -> str:
    """DATABASE_URL, or one made of DB_*; PostgreSQL always through psycopg2, whatever its spelling."""
    url = environ.get("DATABASE_URL", "")
    if not url:
        user = quote(environ.get("DB_USER") or "postgres", safe="")
        password = quote(environ.get("DB_PASSWORD") or "", safe="")
        host, port = environ.get("DB_HOST") or "127.0.0.1", environ.get("DB_PORT") or "5432"
        login = f"{user}:{password}" if password else user
        url = f"postgresql://{login}@{host}:{port}/{quote(environ.get('DB_NAME') or 'evently', safe='')}"
    scheme, separator, rest = url.partition("://")
    # SQLAlchemy 2.1 takes a bare postgresql:// for psycopg 3.
    if scheme in {"postgres", "postgresql"}:
        scheme = "postgresql+psycopg2"
    if not separator or scheme.split("+")[0] not in {"postgresql", "sqlite"}:
        raise ConfigurationError("DATABASE_URL must start with postgresql:// or sqlite:///.")
    return f"{scheme}://{rest}"


def _engine_options(database_url: str) -> dict[str, Any]:
    if database_url.startswith("sqlite"):
        # seconds a writer waits for another; bookings are short, so this is plenty
        return {"connect_args": {"timeout": 30}, "pool_size": 20, "max_overflow": 40}
    # Reads need no transaction around them, which would cost two more round trips; transaction() asks for one.
    return {"pool_size": 10, "max_overflow": 20, "pool_timeout": 30, "isolation_level": "AUTOCOMMIT"}


def _on_redis(redis_url: str) -> dict[str, Any]:
    # Database 0 of the server is the broker's; the cache and the limiter only prefix their keys.
    patience = {"socket_connect_timeout": 0.5, "socket_timeout": 0.5}
    return {
        "CELERY_BROKER_URL": redis_url,
        "RATELIMIT_STORAGE_URI": f"forgiving+{redis_url}",
        "RATELIMIT_STORAGE_OPTIONS": patience,
        "CACHE_TYPE": "evently.forgiving.ForgivingCache",
        "CACHE_REDIS_URL": redis_url,
        "CACHE_OPTIONS": patience,
    }


def _secret_key(environ: Mapping[str, str], data_dir: Path, *, embedded: bool) -> str:
    if environ.get("SECRET_KEY"):
        return environ["SECRET_KEY"]
    if not embedded:
        raise ConfigurationError("SECRET_KEY is not set. Make one: python -c 'import secrets; print(secrets.token_hex(32))'")
    return kept_secret(data_dir / "secret_key")


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


# What an operator may change by a variable of the same name; one that is empty counts as not set.
_ADJUSTABLE: dict[str, Callable[[str, str], Any]] = {
    "HOST": text,
    "PORT": number,
    "DEBUG": flag,
    "DEFAULT_TIMEZONE": timezone,
    "DEFAULT_CURRENCY": text,
    "HTMX_URL": text,
    "HTMX_INTEGRITY": text,
    "MAX_TICKETS_PER_BOOKING": number,
    "ALLOCATE_INLINE_WITHOUT_BROKER": flag,
    "SWEEP_SECONDS": seconds,
    "WORKER_POOL": pool,
    "WORKER_CONCURRENCY": number,
    "TASK_TIME_LIMIT": seconds,
    "RATELIMIT_ENABLED": flag,
    "RATELIMIT_DEFAULT": text,
    "CORS_ORIGINS": origins,
    "LOGIN_RATE_LIMIT": text,
    "REGISTER_RATE_LIMIT": text,
    "PASSWORD_RESET_RATE_LIMIT": text,
    "BOOKING_RATE_LIMIT": text,
    "SESSION_HOURS": positive,
    "REMEMBERED_SESSION_DAYS": positive,
    "CACHE_ENABLED": flag,
    "EMAIL_HOST": text,
    "EMAIL_PORT": number,
    "EMAIL_USE_TLS": flag,
    "EMAIL_HOST_USER": text,
    "EMAIL_HOST_PASSWORD": text,
    "EMAIL_TIMEOUT": seconds,
    "DEFAULT_FROM_EMAIL": text,
    "LOG_LEVEL": level,
    "LOG_REQUESTS": flag,
    "SLOW_REQUEST_MS": milliseconds,
    "SLOW_QUERY_MS": milliseconds,
    "METRICS_TOKEN": text,
    "METRICS_PORT": number,
    "METRICS_HOST": text,
}
