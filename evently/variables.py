"""How the text of an environment variable is read. Each raises ConfigurationError, naming the variable, when it cannot be used."""

import math
import re
import zoneinfo

TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}
POOLS = ("threads", "prefork", "solo")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class ConfigurationError(Exception):
    """The environment holds something the site cannot run with; the message says what to change."""


def number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise ConfigurationError(f"{name} must be a whole number, not {value!r}.")
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


def text(_name: str, value: str) -> str:
    return value
