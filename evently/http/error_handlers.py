"""The one table from what went wrong to what is answered: JSON for the API, a page or a fragment for people."""

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, current_app, flash, jsonify, make_response, render_template, request, url_for
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, PendingRollbackError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, InternalServerError, ServiceUnavailable

from evently.errors import DomainError, NotAuthenticated
from evently.http import form_drafts
from evently.http.authentication import is_api_path
from evently.http.htmx import redirect_to, wants_fragment
from evently.observability import context

log = logging.getLogger(__name__)

# status: (code for programs, sentence for people)
HTTP_ERRORS = {
    400: ("bad_request", "The request could not be understood."),
    401: ("not_authenticated", "Log in first."),
    403: ("not_allowed", "You may not do this."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not take that method."),
    406: ("not_acceptable", "This address cannot answer in that form."),
    408: ("timeout", "Your data arrived too slowly. Please try again."),
    409: ("conflict", "That is not possible any more."),
    413: ("too_large", "That is too much to send at once."),
    414: ("uri_too_long", "This address is too long."),
    415: ("unsupported_media_type", "Send JSON, with the header Content-Type: application/json."),
    422: ("invalid", "Some of the values are not valid."),
    429: ("too_many_requests", "Too many requests; please wait a little."),
    500: ("internal_error", "Something broke on our side. We have been told; please try again."),
    503: ("unavailable", "We cannot look that up just now. Please try again in a moment."),
}
# seconds
RETRY_AFTER_SECONDS = 5


def init_app(app: Flask) -> None:
    app.register_error_handler(DomainError, handle_domain_error)
    app.register_error_handler(CSRFError, handle_csrf_error)
    app.register_error_handler(HTTPException, handle_http_error)
    app.register_error_handler(DBAPIError, handle_database_error)
    app.register_error_handler(PendingRollbackError, handle_lost_connection)
    app.register_error_handler(PoolTimeout, unavailable_response)
    app.register_error_handler(Exception, handle_unexpected_error)


def handle_domain_error(error: DomainError) -> Response:
    if isinstance(error, NotAuthenticated) and not is_api_path(request.path):
        return redirect_to_sign_in()
    response = error_response(error.status, error.code, error.message, fields=error.fields, links=error.links)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def redirect_to_sign_in() -> Response:
    """The login page leads back here, and what was typed is still there then."""
    address = form_drafts.form_url()
    if request.method == "POST":
        form_drafts.stash(address)
    return redirect_to(f"{url_for('web.login')}?{urlencode({'next': address})}")


def handle_csrf_error(_error: CSRFError) -> Response:
    """Old forms of our own pages come back filled in; whatever else comes is from elsewhere."""
    if request.headers.get("Sec-Fetch-Site") == "same-origin" and not is_api_path(request.path):
        if not current_user.is_authenticated and request.endpoint not in form_drafts.LOGIN_ENDPOINTS:
            return redirect_to_sign_in()
        form_drafts.stash(address := form_drafts.form_url())
        flash("This page was open for too long to be sent. Please look it over and send it again.")
        return redirect_to(address)
    return error_response(400, "csrf", "This form is too old or came from elsewhere. Reload the page and send it again.")


def handle_http_error(error: HTTPException) -> Response:
    if isinstance(error, InternalServerError) and isinstance(error.original_exception, DBAPIError):
        # After the view: its answer could not be kept, or its session.
        return handle_database_error(error.original_exception)
    if error.response is not None:
        return make_response(error.response)
    status = error.code or 500
    code, message = HTTP_ERRORS.get(status, ("error", error.description or error.name))
    response = error_response(status, code, message)
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


def handle_database_error(error: DBAPIError) -> Response:
    if isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated:
        return unavailable_response(error)
    return handle_unexpected_error(error)


def handle_lost_connection(error: PendingRollbackError) -> Response:
    """A statement of a transaction whose connection was lost before; the code is SQLAlchemy's for that case only."""
    return unavailable_response(error) if error.code == "8s2b" else handle_unexpected_error(error)


def unavailable_response(error: SQLAlchemyError) -> Response:
    """It is away, starts or stops, has no connection left, or gave up a statement that took too long."""
    # In one line: while it is away, everybody comes by here.
    log.error("The database did not answer request %s: %s", context.request_id(), str(getattr(error, "orig", error)).partition("\n")[0])
    return handle_http_error(ServiceUnavailable(retry_after=RETRY_AFTER_SECONDS))


def handle_unexpected_error(error: Exception) -> Response:
    log.error("unhandled error in request %s", context.request_id(), exc_info=error)
    return handle_http_error(InternalServerError())


def error_response(
    status: int, code: str, message: str, *, fields: dict[str, list[str]] | None = None, links: Mapping[str, str] | None = None
) -> Response:
    """An error in the shape this request expects."""
    if is_api_path(request.path):
        details: dict[str, Any] = {"code": code, **(links or {})}
        if fields:
            details["fields"] = fields
        response = make_response(jsonify(error=message, details=details), status)
        if status == 401:
            response.headers["WWW-Authenticate"] = 'Token realm="Evently"'
        return response
    template = "errors/_alert.html" if wants_fragment() else "errors/error.html"
    context = {"status": status, "code": code, "message": message, "fields": fields or {}}
    # A request that is refused by a limit must not cost a look at the database either.
    is_bare = status >= 500 or status == 429
    response = make_response(_render_bare(template, context) if is_bare else render_template(template, **context), status)
    response.vary.add("HX-Request")
    return response


def _render_bare(template: str, context: dict[str, Any]) -> str:
    """Without who is logged in: render_template would ask the database, which may be what broke."""
    return current_app.jinja_env.get_template(template).render(context)
