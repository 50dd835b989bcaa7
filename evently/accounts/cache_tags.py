"""What changes about people, by name; see evently/tagged_cache.py."""

from evently.accounts.models import ApiToken, EmailChange, User
from evently.tagged_cache import invalidate_on_write

ALL_USERS = "user:*"


def user_tag(user_id: int) -> tuple[str, str]:
    """What an answer is made of that only this person gets: who they are, what they may do, whether their tokens work."""
    return f"user:{user_id}", ALL_USERS


invalidate_on_write(User, lambda user: [f"user:{user.id}"], [ALL_USERS], writes=("update", "delete"))
invalidate_on_write(EmailChange, lambda change: [f"user:{change.user_id}"], [ALL_USERS])
# Not when a token is used, which is written down every now and then.
invalidate_on_write(ApiToken, lambda token: [f"user:{token.user_id}"], [ALL_USERS], writes=("delete",))
