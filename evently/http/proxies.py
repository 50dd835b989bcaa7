"""Proxies in front of the site: what those of TRUSTED_PROXIES say about who asks, and how, is believed; nobody else's word is.

A proxy says so in X-Forwarded-For and X-Forwarded-Proto, and leaves Host as it came.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from flask import Flask

from evently.env_parsers import Network
from evently.http.networks import Address, parse_address

# In the request's own variables: the proxy that sent it, where one did.
PEER = "evently.peer"


def init_app(app: Flask) -> None:
    if networks := app.config["TRUSTED_PROXIES"]:
        app.wsgi_app = BehindProxies(app.wsgi_app, networks)  # type: ignore[method-assign] # WSGI's way to stand in front


class BehindProxies:
    """The site as visitors reach it: their own address and scheme, instead of those of the last proxy."""

    def __init__(self, site: Any, networks: Iterable[Network]) -> None:
        self._site = site
        self._is_proxy = lru_cache(1024)(lambda address: any(address in network for network in networks))

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        sender = _parsed(environ.get("REMOTE_ADDR", ""))
        if sender and self._is_proxy(sender):
            environ[PEER] = environ["REMOTE_ADDR"]
            environ["REMOTE_ADDR"] = str(self._visitor(sender, environ.get("HTTP_X_FORWARDED_FOR", "")))
            scheme = environ.get("HTTP_X_FORWARDED_PROTO", "").rpartition(",")[2].strip().lower()
            if scheme in {"http", "https"}:
                environ["wsgi.url_scheme"] = scheme
        return self._site(environ, start_response)

    def _visitor(self, sender: Address, chain: str) -> Address:
        """The nearest that is no proxy of ours: each wrote down who asked it, and what is further out anybody may have written."""
        for word in reversed(chain.split(",")):
            address = _parsed(word.strip())
            if address is None:
                break
            sender = address
            if not self._is_proxy(sender):
                break
        return sender


@lru_cache(1024)
def _parsed(word: str) -> Address | None:
    """Some proxies add a port."""
    host = word.partition("]")[0].removeprefix("[") if word.startswith("[") else word.partition(":")[0] if word.count(":") == 1 else word
    return parse_address(host)
