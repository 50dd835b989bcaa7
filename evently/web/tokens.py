"""Keys to the API, for who writes programs. Each is shown once."""

from typing import Any

from flask import Response, flash, request, url_for

from evently.accounts import queries, tokens
from evently.accounts.models import User
from evently.errors import Conflict, Invalid
from evently.http import form_drafts
from evently.http.htmx import redirect_to, render, wants_fragment
from evently.http.idempotency import is_repeated, secret_response
from evently.http.login import signed_in_user
from evently.http.pagination import page_number
from evently.web import blueprint
from evently.web.account_forms import TokenForm


@blueprint.get("/account/tokens")
def list_tokens() -> Response:
    return show_tokens(signed_in_user(), TokenForm(form_drafts.restore()))


@blueprint.post("/account/tokens")
@secret_response
def create_token() -> Response:
    """No redirect, as elsewhere: the token is in this response and nowhere else."""
    user, form = signed_in_user(), TokenForm(request.form)
    if is_repeated():
        flash("This token was created already and can't be shown again. If you didn't copy it, revoke it and create another one.")
        return redirect_to(url_for("web.list_tokens"))
    if not form.validate():
        return show_tokens(user, form, status=422)
    try:
        issued = tokens.issue_named_token(user=user, name=form.name.data or "")
    except (Invalid, Conflict) as refusal:
        form.add_refusal(refusal)
        return show_tokens(user, form, status=refusal.status)
    return show_tokens(user, TokenForm(), issued=issued, name=form.name.data or "", status=201)


@blueprint.post("/account/tokens/<int(max=2147483647):token_id>/revoke")
def revoke_token(token_id: int) -> Response:
    user = signed_in_user()
    tokens.revoke_own_token(user=user, token_id=token_id)
    if wants_fragment():
        return show_tokens(user, TokenForm(), news="The token is revoked.")
    flash("The token is revoked. Programs that use it are shut out.")
    return redirect_to(url_for("web.list_tokens"))


def show_tokens(user: User, form: TokenForm, *, status: int = 200, **context: Any) -> Response:
    page = queries.list_tokens(user, page=page_number(request.args))
    return render("accounts/tokens.html", "accounts/_token_list.html", form=form, page=page, status=status, **context)
