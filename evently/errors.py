"""What can go wrong in the domain. Services raise these; `http/error_handlers.py` turns them into answers.

`code` is stable and meant for programs; `message` is one sentence for people; `fields` names inputs at fault.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType


class DomainError(Exception):
    """A refusal with a stable code and a sentence a person understands."""

    status = 400
    default_code = "refused"
    # seconds after which it is worth trying again, if it is
    retry_after: int | None = None
    # URLs by name of what to do instead, for the details of a response of the API
    links: Mapping[str, str] = MappingProxyType({})

    def __init__(self, message: str, *, code: str | None = None, fields: Mapping[str, Sequence[str]] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.fields = {name: list(messages) for name, messages in (fields or {}).items()}


class NotAuthenticated(DomainError):
    """Nobody is logged in, or the credentials are wrong."""

    status = 401
    default_code = "not_authenticated"


class NotAllowed(DomainError):
    """Somebody is logged in and may not do this."""

    status = 403
    default_code = "not_allowed"


class NotFound(DomainError):
    """It does not exist, or the asker may not know that it does."""

    status = 404
    default_code = "not_found"


class Conflict(DomainError):
    """It was fine when asked, but the state of things forbids it now."""

    status = 409
    default_code = "conflict"


class Invalid(DomainError):
    """The input breaks a rule; `fields` says which one where."""

    status = 422
    default_code = "invalid"


class TooManyRequests(DomainError):
    """Too often in too short a time; `retry_after` says when it is worth trying again."""

    status = 429
    default_code = "too_many_requests"


class Busy(DomainError):
    """Too many others are doing the same at this moment."""

    status = 503
    default_code = "busy"
    retry_after = 5
