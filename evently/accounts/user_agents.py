"""Which browser somebody uses, in the words they would use."""

# What ua-parser calls them: what people do. The rest is called by its own name.
IGNORED_TOKENS = {"Mobile", "WebView", "iOS", "UI/WKWebView"}
SYSTEMS = {"Mac OS X": "macOS", "Chrome OS": "ChromeOS"}
DEVICES = {"iPhone", "iPad"}


def describe(user_agent: str) -> str:
    """`Firefox on Windows`, `Safari on iPhone`; "Unknown browser" for what nobody knows."""
    # Late: it takes a tenth of a second and some megabytes, which only signing in needs.
    import ua_parser  # noqa: PLC0415

    found = ua_parser.parse(user_agent[:500])
    browser = _browser(found.user_agent.family) if found.user_agent else "Unknown browser"
    device = found.device.model if found.device else None
    system = device if device in DEVICES else found.os.family if found.os else ""
    return f"{browser} on {SYSTEMS.get(system, system)}" if system else browser


def _browser(family: str) -> str:
    """`Mobile Safari` and `Chrome Mobile WebView` without what the device tells already."""
    words = [word for word in family.replace("HeadlessChrome", "Chrome").split() if word not in IGNORED_TOKENS]
    return " ".join(words) or family
