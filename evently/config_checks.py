"""What the site refuses to start with, once strangers may come: a database is configured, so this is no try-out.

While DEBUG is on nobody but this machine is let in, and a short secret will do.
"""

import difflib
import ipaddress
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

MIN_SECRET_LENGTH, FEWEST_CHARACTERS = 32, 10
GENERATE_HINT = "Make one: python -c 'import secrets; print(secrets.token_hex(32))'"
# What examples and frameworks put there until somebody chooses.
PLACEHOLDER = re.compile(r"change.?(me|this)|insecure|placeholder|(my|your).?secret|secret.?key|example|password", re.IGNORECASE)
# How alike a name must be to one of ours to be taken for it, and how long ours must be.
SIMILARITY, MIN_NAME_LENGTH = 0.84, 6


def unknown_variables(environ: Mapping[str, str], known: Collection[str]) -> Iterator[str]:
    """A sentence for each variable that is nearly one of ours: whoever set it believes that it counts."""
    long_enough = [name for name in known if len(name) >= MIN_NAME_LENGTH]
    for name, value in environ.items():
        if not value or name in known or len(name) < MIN_NAME_LENGTH:
            continue
        meant = [ours for ours in long_enough if _is_longer_or_shorter(name, ours)]
        meant += difflib.get_close_matches(name.upper(), long_enough, n=1, cutoff=SIMILARITY)
        if meant:
            yield f"{name} is not a setting of the site. Is {meant[0]} meant? Rename it, or unset it."


def _is_longer_or_shorter(name: str, ours: str) -> bool:
    """As DB_PASS is to DB_PASSWORD and DB_USERNAME to DB_USER, but not as another word with an underscore between."""
    short, long = sorted((name, ours), key=len)
    return len(short) >= MIN_NAME_LENGTH and long.startswith(short) and "_" not in long[len(short) :]


def production_problems(settings: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each thing that must be changed first; `settings` are those that could be read."""
    if settings.get("DEBUG"):
        if hosts := public_hosts(settings):
            yield (
                f"DEBUG is on, and the site answers to {', '.join(hosts)}. Set DEBUG=false; "
                "or, to look for an error on this machine alone, keep HOST, SITE_URL and ALLOWED_HOSTS to localhost."
            )
        return
    if weakness := secret_weakness(settings["SECRET_KEY"]):
        yield f"SECRET_KEY {weakness}. {GENERATE_HINT}"
    if settings.get("SQLALCHEMY_DATABASE_URI", "").startswith("sqlite"):
        yield (
            "DATABASE_URL names an SQLite file, which takes one process, and web server and workers are several. Name a PostgreSQL "
            "database; or unset it, and `make run` has all in one process with a file of its own."
        )


def public_hosts(settings: Mapping[str, Any]) -> list[str]:
    """The names and addresses, of those the site listens on or answers to, by which other machines may reach it."""
    return sorted(host for host in _hosts(settings) if not is_loopback(host))


def public_demo_problem(settings: Mapping[str, Any], *, has_published_password: bool) -> str:
    """Why an embedded site must not start: strangers could sign in with a password that everybody can read. Empty when it may."""
    if settings["PUBLIC_DEMO"] or not has_published_password or not (hosts := public_hosts(settings)):
        return ""
    return (
        f"other machines can reach the site ({', '.join(hosts)}), and its demo accounts have the password that is printed in the README. "
        "Keep HOST, SITE_URL and ALLOWED_HOSTS to this machine; or set PUBLIC_DEMO=true, which gives the demo accounts random passwords, "
        "shown once, and caught e-mail to staff only; or set DEMO_DATA=false and start with an empty EVENTLY_DATA_DIR."
    )


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def secret_weakness(secret: str) -> str:
    """What is wrong with it, in words that follow its name; empty when nothing is."""
    if not secret:
        return "is not set"
    if len(secret) < MIN_SECRET_LENGTH:
        return f"has {len(secret)} characters and needs {MIN_SECRET_LENGTH} at least"
    if len(set(secret)) < FEWEST_CHARACTERS or PLACEHOLDER.search(secret):
        return "can be guessed"
    return ""


def _hosts(settings: Mapping[str, Any]) -> set[str]:
    """All that the site answers to or listens on."""
    named = {urlsplit(settings["SITE_URL"]).hostname or "", settings["HOST"], *settings.get("ALLOWED_HOSTS", ())}
    return {host for host in named if host}
