"""Whether a request comes from the developer who runs the site for themselves, on the same machine."""

from urllib.parse import urlsplit

from flask import current_app, has_request_context, request

from evently.config_checks import is_loopback, public_hosts

# A proxy on this machine makes every visitor look like a local one.
FORWARDED = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP")


def is_local_developer() -> bool:
    """Only for an embedded site that no other machine reaches, called by a loopback name and without a proxy.

    By the address that the connection came from, not by what the request says; by its Host against DNS rebinding.
    """
    config = current_app.config
    if not (config["EMBEDDED"] and has_request_context()) or config["PUBLIC_DEMO"] or public_hosts(config):
        return False
    hosts = (request.environ.get("REMOTE_ADDR", ""), urlsplit(f"//{request.host}").hostname or "")
    return all(map(is_loopback, hosts)) and not any(name in request.headers for name in FORWARDED)
