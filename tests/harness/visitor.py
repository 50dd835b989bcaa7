"""A visitor without JavaScript: reads pages, finds forms on them, fills them in and sends them as a browser would."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse


@dataclass
class Form:
    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)


class FormReader(HTMLParser):
    """Collects the forms of a page with the values a browser would send for them."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._address = address
        self._form: Form | None = None
        self._select: str | None = None
        self._textarea: str | None = None
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            action = urljoin(self._address, values.get("action", ""))
            self._form = Form(action=action, method=values.get("method", "get").lower())
            self.forms.append(self._form)
        elif self._form and tag == "select":
            self._select = values.get("name")
        elif self._form and tag == "textarea":
            self._textarea, self._text = values.get("name"), []
        elif self._form and "disabled" not in values:
            self._control(tag, values)

    def _control(self, tag: str, values: dict[str, str]) -> None:
        assert self._form
        if tag == "option" and self._select:
            is_first = all(name != self._select for name, _ in self._form.fields)
            if "selected" in values:
                self._form.fields = [(name, value) for name, value in self._form.fields if name != self._select]
            if is_first or "selected" in values:
                self._form.fields.append((self._select, values.get("value", "")))
        elif tag == "input" and values.get("name"):
            kind = values.get("type", "text")
            if kind in {"checkbox", "radio"} and "checked" in values:
                self._form.fields.append((values["name"], values.get("value", "on")))
            elif kind not in {"checkbox", "radio", "submit", "button", "image", "reset", "file"}:
                self._form.fields.append((values["name"], values.get("value", "")))

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea" and self._textarea and self._form:
            self._form.fields.append((self._textarea, "".join(self._text).replace("\r\n", "\n").removeprefix("\n")))
            self._textarea = None


class Visitor:
    """One person's browser. `client` is the test client below, with that person's cookies."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, address: str, *, htmx: bool = False, **kwargs: Any) -> TestResponse:
        return self.client.get(address, headers=_headers(htmx=htmx), **kwargs)

    def forms(self, address: str) -> list[Form]:
        """The forms of the page at this address."""
        response = self.client.get(address)
        assert response.status_code == 200, f"{address} answered {response.status}"
        reader = FormReader(address)
        reader.feed(response.text)
        return reader.forms

    def submit(
        self, address: str, fields: dict[str, Any] | None = None, *, action: str | None = None, htmx: bool = False, follow: bool = False
    ) -> TestResponse:
        """Open the page, fill in its form and send it; the answer.

        `action` chooses among several forms by the path they post to; by default the one that posts to the page
        itself, or else the only one. A field given as None is left out, a list is sent as several values, and a pair of
        an open file and its name is uploaded.
        """
        form = self._choose(address, self.forms(address), action)
        data = MultiDict(form.fields)
        for name, value in (fields or {}).items():
            data.setlist(name, value if isinstance(value, list) else [value])
        data = MultiDict((name, _as_sent(value)) for name, value in data.items(multi=True) if value is not None)
        if form.method == "get":
            return self.client.get(form.action, query_string=data, headers=_headers(htmx=htmx), follow_redirects=follow)
        return self.client.post(form.action, data=data, headers=_headers(htmx=htmx), follow_redirects=follow)

    def token(self, address: str = "/login") -> str:
        """The CSRF token of a form on this page, for requests made by hand."""
        return next(value for form in self.forms(address) for name, value in form.fields if name == "csrf_token")

    @staticmethod
    def _choose(address: str, forms: list[Form], action: str | None) -> Form:
        wanted = urlsplit(action or address).path
        found = [form for form in forms if urlsplit(form.action).path == wanted]
        # The page's own form posts; searching goes by get.
        found.sort(key=lambda form: form.method == "get")
        if not found and action is None and len(forms) == 1:
            found = forms
        assert found, f"no form on {address} goes to {wanted}; there are {[form.action for form in forms]}"
        return found[0]


def _as_sent(value: Any) -> Any:
    return value if isinstance(value, tuple) else str(value)


def _headers(*, htmx: bool) -> dict[str, str]:
    return {"HX-Request": "true"} if htmx else {}


def is_signed_in(visitor: Visitor) -> bool:
    """Whether pages know who this is."""
    return "Log out" in visitor.get("/").text
