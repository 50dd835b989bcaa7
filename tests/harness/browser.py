"""A headless Chromium. What a page asks of the CDN is answered from node_modules, so integrity is checked for real."""

import contextlib
from collections.abc import Callable, Iterator

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, expect, sync_playwright

from tests.harness.parts import HTMX, QR_READER, find_chromium, require

NewPage = Callable[..., Page]
# milliseconds; every wait ends earlier when what is waited for is there
PATIENCE = 15_000


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    require("chromium")
    require("htmx")
    require("qr_reader")
    with sync_playwright() as playwright:
        # No sandbox: Chromium refuses to build one as root.
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
        expect.set_options(timeout=PATIENCE)
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=arguments)
        yield browser
        browser.close()


@contextlib.contextmanager
def visits(browser: Browser, base_url: str) -> Iterator[NewPage]:
    """A maker of pages, each of a person of its own: `new_page(javascript=False, width=390)`.

    At the end it fails if a script broke or a page did what its own Content-Security-Policy forbids.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def new_page(*, javascript: bool = True, width: int = 1280, height: int = 900, keeps_tickets: bool = False) -> Page:
        context = browser.new_context(
            base_url=base_url,
            java_script_enabled=javascript,
            viewport={"width": width, "height": height},
            # What one of them asks for goes past the routes below.
            service_workers="allow" if keeps_tickets else "block",
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        context.route(lambda url: not url.startswith(base_url), lambda route: route.abort())
        context.route("**/htmx.org@*/dist/htmx.min.js", lambda route: route.fulfill(path=HTMX, headers=CDN_HEADERS))
        context.route("**/jsqr@*/dist/jsQR.js", lambda route: route.fulfill(path=QR_READER, headers=CDN_HEADERS))
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(_script_error(error)))
        page.on("console", lambda message: complaints.extend(_violations(message)))
        return page

    yield new_page
    for context in contexts:
        context.close()
    assert not complaints, complaints


CDN_HEADERS = {"Content-Type": "application/javascript", "Access-Control-Allow-Origin": "*"}


def _script_error(error: Error) -> str:
    return f"script error: {error.message}"


def _violations(message: ConsoleMessage) -> list[str]:
    is_violation = "Content Security Policy" in message.text or "integrity" in message.text
    return [message.text] if message.type == "error" and is_violation else []
