"""How the text of an environment variable is read. Each raises ConfigurationError, naming the variable, when it cannot be used."""

import ipaddress
import math
import re
import zoneinfo
from collections.abc import Callable, Sequence
from email.utils import parseaddr
from typing import Any, Self

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}
POOLS = ("threads", "prefork", "solo")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class ConfigurationError(Exception):
    """The environment holds something the site cannot run with; the message says what to change."""

    @classmethod
    def of(cls, problems: Sequence[str]) -> Self:
        """All of them in one message."""
        if len(problems) == 1:
            return cls(problems[0])
        return cls("\n".join([f"{len(problems)} things in its configuration are wrong.", *(f"  - {problem}" for problem in problems)]))


def number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise ConfigurationError(f"{name} must be a whole number, not {value!r}.")
    return int(value)


def count(name: str, value: str) -> int:
    if number(name, value) < 1:
        raise ConfigurationError(f"{name} must be 1 at least, not {value!r}.")
    return int(value)


def port(name: str, value: str) -> int:
    if not 0 < number(name, value) < 65536:
        raise ConfigurationError(f"{name} must be a port between 1 and 65535, not {value!r}.")
    return int(value)


def seconds(name: str, value: str) -> float:
    return _time(name, value, "seconds")


def milliseconds(name: str, value: str) -> float:
    return _time(name, value, "milliseconds")


def _time(name: str, value: str, unit: str) -> float:
    try:
        amount = float(value)
    except ValueError:
        amount = math.nan
    if not 0 <= amount < math.inf:
        raise ConfigurationError(f"{name} must be a number of {unit}, not {value!r}.")
    return amount


def positive(name: str, value: str) -> float:
    try:
        amount = float(value)
    except ValueError:
        amount = math.nan
    if not 0 < amount < math.inf:
        raise ConfigurationError(f"{name} must be a number above 0, not {value!r}.")
    return amount


def flag(name: str, value: str) -> bool:
    if value.lower() not in TRUE | FALSE:
        raise ConfigurationError(f"{name} must be true or false, not {value!r}.")
    return value.lower() in TRUE


def pool(name: str, value: str) -> str:
    if value not in POOLS:
        raise ConfigurationError(f"{name} must be one of {', '.join(POOLS)}, not {value!r}.")
    return value


def level(name: str, value: str) -> str:
    if value.upper() not in LEVELS:
        raise ConfigurationError(f"{name} must be one of {', '.join(LEVELS)}, not {value!r}.")
    return value.upper()


def timezone(name: str, value: str) -> str:
    if value not in zoneinfo.available_timezones():
        raise ConfigurationError(f"{name} must be a time zone like Europe/Berlin, not {value!r}.")
    return value


def origins(name: str, value: str) -> tuple[str, ...]:
    found = tuple(origin.lower().rstrip("/") for origin in value.replace(",", " ").split())
    for origin in found:
        if not re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?", origin):
            raise ConfigurationError(f"{name} must be origins like https://app.example.org, with commas between, not {origin!r}.")
    return found


def site(name: str, value: str) -> str:
    address = value.rstrip("/")
    if not re.fullmatch(r"https?://([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?", address):
        raise ConfigurationError(f"{name} must be an address like https://tickets.example.org without a path, not {value!r}.")
    return address


def redis(name: str, value: str) -> str:
    if not re.fullmatch(r"rediss?://\S+", value):
        # Not shown: it may hold a password.
        raise ConfigurationError(f"{name} must be an address like redis://127.0.0.1:6379/0 or rediss://….")
    return value


def hosts(name: str, value: str) -> tuple[str, ...]:
    found = tuple(value.lower().replace(",", " ").split())
    for host in found:
        if not re.fullmatch(r"\*|\.?[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\]", host):
            raise ConfigurationError(f"{name} must be names like tickets.example.org or .example.org, with commas between, not {host!r}.")
    return found


def networks(name: str, value: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part, strict=False) for part in value.replace(",", " ").split())
    except ValueError as error:
        raise ConfigurationError(f"{name} must be addresses or networks like 10.0.0.0/8, with commas between: {error}.") from error


def limit(name: str, value: str) -> str:
    from limits import parse_many  # noqa: PLC0415 - only for whoever changes one; the launcher starts without it

    try:
        parse_many(value)
    except ValueError as error:
        raise ConfigurationError(f"{name} must be limits like '10 per minute; 100 per day', not {value!r}.") from error
    return value


def currency(name: str, value: str) -> str:
    from evently.events.validation import CURRENCIES  # noqa: PLC0415 - only for whoever changes it; the launcher starts without it

    if value not in CURRENCIES:
        raise ConfigurationError(f"{name} must be one of {', '.join(CURRENCIES)}, not {value!r}.")
    return value


def sender(name: str, value: str) -> str:
    _, _, domain = parseaddr(value)[1].partition("@")
    if not domain or "\n" in value:
        raise ConfigurationError(f"{name} must be an address like Evently <tickets@example.org>, not {value!r}.")
    return value


def text(_name: str, value: str) -> str:
    return value


# The settings that a variable of the same name changes; an empty variable counts as not set.
PARSERS: dict[str, Callable[[str, str], Any]] = {
    "HOST": text,
    "PORT": port,
    "DEBUG": flag,
    "SITE_URL": site,
    "REDIS_URL": redis,
    "ALLOWED_HOSTS": hosts,
    "TRUSTED_PROXIES": networks,
    "HSTS_SECONDS": number,
    "DEMO_DATA": flag,
    "PUBLIC_DEMO": flag,
    "REQUEST_BODY_TIMEOUT": positive,
    "DEFAULT_TIMEZONE": timezone,
    "DEFAULT_CURRENCY": currency,
    "HTMX_URL": text,
    "HTMX_INTEGRITY": text,
    "QR_READER_URL": text,
    "QR_READER_INTEGRITY": text,
    "MAX_TICKETS_PER_BOOKING": count,
    "DOOR_OPENS_HOURS": positive,
    "ALLOCATE_INLINE_WITHOUT_BROKER": flag,
    "SWEEP_SECONDS": positive,
    "WORKER_POOL": pool,
    "WORKER_CONCURRENCY": count,
    "TASK_TIME_LIMIT": seconds,
    "RATELIMIT_ENABLED": flag,
    "RATELIMIT_DEFAULT": limit,
    "CORS_ORIGINS": origins,
    "LOGIN_RATE_LIMIT": limit,
    "REGISTER_RATE_LIMIT": limit,
    "NETWORK_RATE_LIMIT": limit,
    "ANONYMOUS_RATE_LIMIT": limit,
    "PROBE_RATE_LIMIT": limit,
    "TAKEN_EMAIL_RATE_LIMIT": limit,
    "PASSWORD_RESET_RATE_LIMIT": limit,
    "BOOKING_RATE_LIMIT": limit,
    "SESSION_HOURS": positive,
    "REMEMBERED_SESSION_DAYS": positive,
    "SESSION_MAX_DAYS": positive,
    "API_TOKEN_UNUSED_DAYS": positive,
    "API_TOKEN_DAYS": positive,
    "API_TOKENS_PER_USER": count,
    "CACHE_ENABLED": flag,
    "EMAIL_HOST": text,
    "EMAIL_PORT": port,
    "EMAIL_USE_TLS": flag,
    "EMAIL_HOST_USER": text,
    "EMAIL_HOST_PASSWORD": text,
    "EMAIL_TIMEOUT": seconds,
    "EMAIL_CONNECTIONS": count,
    "EMAIL_PER_MINUTE": number,
    "DEFAULT_FROM_EMAIL": sender,
    "EMAIL_LIMIT_ACCOUNT": limit,
    "EMAIL_LIMIT_SENDER": limit,
    "EMAIL_LIMIT_GUESTS": limit,
    "EMAIL_LIMIT_ORGANIZER": limit,
    "EMAIL_LIMIT_UNCONFIRMED": limit,
    "EMAIL_LIMIT_RECIPIENT": limit,
    "LOG_LEVEL": level,
    "LOG_REQUESTS": flag,
    "SLOW_REQUEST_MS": milliseconds,
    "SLOW_QUERY_MS": milliseconds,
    "METRICS_TOKEN": text,
    "METRICS_PORT": number,
    "METRICS_HOST": text,
}
