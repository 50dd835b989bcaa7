"""Somebody is always left who can manage people."""

import pytest

from evently.accounts.account_deletion import close_account
from evently.accounts.models import User
from evently.accounts.queries import get_user
from evently.accounts.roles import change_role, lock_superusers
from evently.accounts.suspension import revoke_sessions, revoke_tokens, suspend
from evently.database import transaction
from evently.errors import Conflict, DomainError, Invalid, NotAllowed, NotFound
from tests.factories import PASSWORD, make_organizer, make_staff, make_superuser, make_user
from tests.harness.concurrency import at_once
from tests.harness.site import on_sqlite

VERBS = {
    "role": lambda by, user_id: change_role(by=by, user_id=user_id, role="staff", is_held=True),
    "suspend": lambda by, user_id: suspend(by=by, user_id=user_id),
    "sessions": lambda by, user_id: revoke_sessions(by=by, user_id=user_id),
    "tokens": lambda by, user_id: revoke_tokens(by=by, user_id=user_id),
}


@on_sqlite
@pytest.mark.parametrize("verb", VERBS)
def test_only_superusers_and_never_to_themselves(app, verb):
    user, root = make_user(), make_superuser()
    for by in (make_user(), make_organizer(), make_staff(), make_superuser(is_active=False)):
        with pytest.raises(NotAllowed):
            VERBS[verb](by, user.id)
    with pytest.raises(Conflict, match="ask another superuser"):
        VERBS[verb](root, root.id)
    with pytest.raises(NotFound):
        VERBS[verb](root, 0)


@on_sqlite
def test_there_are_three_roles(app):
    root, user = make_superuser(), make_user()
    with pytest.raises(Invalid):
        change_role(by=root, user_id=user.id, role="active", is_held=False)
    assert get_user(user.id).is_active


def managers() -> int:
    with transaction():
        return len(lock_superusers())


def call(verb: str, by_id: int, other_id: int) -> User | None:
    by = get_user(by_id)
    if verb == "close":
        return close_account(user=by, password=PASSWORD)
    if verb == "suspend":
        return suspend(by=by, user_id=other_id)
    return change_role(by=by, user_id=other_id, role="superuser", is_held=False)


@pytest.mark.parametrize("verb", ["demote", "suspend", "close"])
def test_of_two_superusers_at_once_one_stays(app, verb):
    one, other = make_superuser().id, make_superuser().id
    results = at_once(app, [lambda: call(verb, one, other), lambda: call(verb, other, one)])
    assert [type(result) for result in results if isinstance(result, DomainError)] in ([NotAllowed], [Conflict])
    assert managers() == 1
