"""The settings that follow from where the database and Redis are, for `config.py`."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from evently.env_parsers import ConfigurationError

DATABASE_VARIABLES = ("DATABASE_URL", "DB_NAME", "DB_HOST", "DB_PORT", "DB_USER", "DB_PASSWORD")


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
        if not re.fullmatch(r"[0-9]{1,5}", port):
            raise ConfigurationError(f"DB_PORT must be a port such as 5432, not {port!r}.")
        login = f"{user}:{password}" if password else user
        url = f"postgresql://{login}@{host}:{port}/{quote(environ.get('DB_NAME') or 'evently', safe='')}"
    scheme, separator, rest = url.partition("://")
    # SQLAlchemy 2.1 takes a bare postgresql:// for psycopg 3.
    if scheme in {"postgres", "postgresql"}:
        scheme = "postgresql+psycopg2"
    if not separator or scheme.split("+")[0] not in {"postgresql", "sqlite"}:
        raise ConfigurationError("DATABASE_URL must start with postgresql:// or sqlite:///.")
    return f"{scheme}://{rest}"


def engine_options(database_url: str) -> dict[str, Any]:
    if database_url.startswith("sqlite"):
        # seconds a writer waits for another; bookings are short, so this is plenty
        return {"connect_args": {"timeout": 30}, "pool_size": 20, "max_overflow": 40, "hide_parameters": True}
    # Reads need no transaction around them, which would cost two more round trips; transaction() asks for one.
    # Errors that are logged do not tell what was written: some of it is hashes of passwords.
    return {"pool_size": 10, "max_overflow": 20, "pool_timeout": 30, "isolation_level": "AUTOCOMMIT", "hide_parameters": True}


def with_password(redis_url: str, password: str) -> str:
    """The URL with this password, unless it has one of its own."""
    parts = urlsplit(redis_url)
    if not password or parts.password is not None:
        return redis_url
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))


def redis_settings(redis_url: str | None) -> dict[str, Any]:
    """What lives on that server; nothing without one."""
    if not redis_url:
        return {}
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
