"""What no log line may hold: passwords, tokens, codes, keys, cookies, and what an address carries behind its question mark."""

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "***"
# Names of values that are secrets, as part of a longer name, too.
SECRET = r"secret|token|password|passwd|authorization|cookie|api_?key|signature|ticket_?code|csrf"  # noqa: S105 - names
# What we write ourselves, in nearly every line; to look through it would take ten times as long as to write it.
HARMLESS = {
    "timestamp",
    "level",
    "logger",
    "method",
    "route",
    "status",
    "request_id",
    "task",
    "task_id",
    "user_id",
    "event_id",
    "booking_id",
}
_name = re.compile(SECRET, re.IGNORECASE)
_patterns = (
    # //user:password@host
    (re.compile(r"(//)[^/\s@'\"]*@"), rf"\1{HIDDEN}@"),
    # Authorization: Token 1234…
    (re.compile(r"\b(Token|Bearer|Basic)\s+[^\s'\",;)]+", re.IGNORECASE), rf"\1 {HIDDEN}"),
    # /path?anything=…, which may be a key
    (re.compile(r"((?:https?:/)?/[^\s?'\"<>]*)\?[^\s'\"<>)]+"), rf"\1?{HIDDEN}"),
    # password=…, 'token': '…'
    (re.compile(rf"((?:\w*(?:{SECRET})\w*)['\"]?\s*[=:]\s*)('[^']*'|\"[^\"]*\"|[^\s,;)}}\]]+)", re.IGNORECASE), rf"\1{HIDDEN}"),
    # /password/<the secret of a link>: long words that nobody thought of, and hashes
    (re.compile(r"(?<![\w-])(?=[\w.-]*\d)(?=[\w.-]*[a-z])(?=[\w.-]*[A-Z])[\w-]{20,}(?:\.[\w-]+)*"), HIDDEN),
    (re.compile(r"\b[0-9a-f]{40,}\b|\$argon2\w+\$[\w$=,+/]+"), HIDDEN),
)


def without_secrets(line: Mapping[str, Any]) -> dict[str, Any]:
    """The line, every secret in it replaced."""
    return {name: value if name in HARMLESS else HIDDEN if _name.search(name) else _cleaned(value) for name, value in line.items()}


def _cleaned(value: Any) -> Any:
    if value is None or isinstance(value, int | float):
        return value
    value = str(value)
    for pattern, replacement in _patterns:
        value = pattern.sub(replacement, value)
    return value
