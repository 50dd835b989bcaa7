"""Who calls: the holder of the token in the header `Authorization`, and nobody by cookie."""

from evently.accounts.models import User
from evently.http.authentication import require_token

# For the reference: either header will do.
SCHEMES = {
    "token": {"type": "apiKey", "in": "header", "name": "Authorization", "description": "`Authorization: Token <token>`"},
    "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer <token>`"},
}
EITHER_SCHEME: list[dict[str, list[str]]] = [{name: []} for name in SCHEMES]


def caller() -> User:
    """Raises NotAuthenticated without a token that works; suspended people's tokens do not."""
    return require_token().user
