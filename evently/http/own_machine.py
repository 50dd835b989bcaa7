"""Whether a request comes from a browser on the machine of an embedded site, whose developer may see everything."""

from urllib.parse import urlsplit

from flask import Flask, current_app, request

from evently.production import is_loopback, strangers

# What proxies add. One on this machine passes on what strangers ask.
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")


def init_app(app: Flask) -> None:
    app.jinja_env.globals["is_own_machine"] = is_own_machine


def is_own_machine() -> bool:
    """By the address that the request came from, not by what it says; and by its Host, against names that are bound to this machine."""
    config = current_app.config
    return (
        config["EMBEDDED"]
        and not config["PUBLIC_DEMO"]
        and not strangers(config)
        and is_loopback(request.environ.get("REMOTE_ADDR", ""))
        and is_loopback(urlsplit(f"//{request.host}").hostname or "")
        and not any(header in request.headers for header in FORWARDED)
    )
