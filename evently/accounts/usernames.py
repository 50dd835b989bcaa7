"""Usernames that pass for another one: those that look like one that is taken, and those that only the site may use.

Usernames are ASCII (rules.py), so what is left of homoglyphs is `l` for `1` and the like.
"""

import re

from sqlalchemy import ColumnElement, func, text

# What is easily taken for what, in this order.
CONFUSABLES = (("rn", "m"), ("vv", "w"), ("0", "o"), ("1", "l"), ("i", "l"))
SEPARATORS = "._+-"


def skeleton(username: str) -> str:
    """The same for usernames that look alike. The term, and the idea, are those of Unicode Technical Standard 39."""
    username = username.lower()
    for seen, meant in CONFUSABLES:
        username = username.replace(seen, meant)
    return username.rstrip(SEPARATORS)


def skeleton_of(username: ColumnElement[str]) -> ColumnElement[str]:
    """As `skeleton`, for a column. Written with literals, because the index has them too."""
    found: ColumnElement[str] = func.lower(username)
    for seen, meant in CONFUSABLES:
        found = func.replace(found, text(f"'{seen}'"), text(f"'{meant}'"))
    return func.rtrim(found, text(f"'{SEPARATORS}'"))


def is_reserved(username: str) -> bool:
    """Whether people would take this account for the site itself."""
    parts = [part for part in re.split(r"[._+-]+", skeleton(username)) if part]
    return bool(parts) and ("".join(parts) in _RESERVED or all(part in _RESERVED for part in parts))


_RESERVED = frozenset(
    skeleton(name)
    for name in (
        *("abuse", "admin", "administrator", "api", "billing", "boxoffice", "contact", "evently", "help", "helpdesk", "hostmaster", "info"),
        *("mailerdaemon", "moderator", "noreply", "official", "payments", "postmaster", "root", "security", "site", "staff", "superuser"),
        *("support", "sysadmin", "system", "team", "tickets", "webmaster"),
    )
)
