"""What changes about people, by name; see evently/caching.py."""

from evently.accounts.models import ApiToken, EmailChange, User
from evently.caching import follow

EVERYBODY = "user:*"


def of_person(user_id: int) -> tuple[str, str]:
    """What an answer is made of that only this person gets: who they are, what they may do, whether their tokens work."""
    return f"user:{user_id}", EVERYBODY


follow(User, lambda user: [f"user:{user.id}"], [EVERYBODY], writes=("update", "delete"))
follow(EmailChange, lambda change: [f"user:{change.user_id}"], [EVERYBODY])
# Not when a token is used, which is written down every now and then.
follow(ApiToken, lambda token: [f"user:{token.user_id}"], [EVERYBODY], writes=("delete",))
