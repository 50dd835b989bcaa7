"""Another password: by knowing the one before, or by a link in a mail."""

from flask import Response, flash, request, url_for

from evently.accounts import password_reset
from evently.accounts.forgotten import request_reset
from evently.accounts.signed_links import RESET_PASSWORD
from evently.errors import Conflict, Invalid, NotFound, TooManyRequests
from evently.http import form_drafts
from evently.http.htmx import redirect_to, render
from evently.http.login import check_password, sign_out, signed_in_user
from evently.http.login_throttle import know_network
from evently.http.rate_limits import limit_password_resets
from evently.http.sessions import page_session
from evently.web import blueprint
from evently.web.account_forms import ChangePasswordForm, ForgotForm, NewPasswordForm
from evently.web.accounts import render_with_errors


@blueprint.route("/account/password", methods=["GET", "POST"])
def change_password() -> Response:
    user = signed_in_user()
    form = ChangePasswordForm(request.form)
    if request.method != "POST":
        return render("accounts/password.html", form=form)
    if not form.validate():
        return render("accounts/password.html", form=form, status=422)
    password, new_password = form.password.data or "", form.new_password.data or ""
    try:
        check_password(user, password)
        password_reset.change_password(user=user, password=password, new_password=new_password, session=page_session().id_sha256)
    except (Invalid, Conflict, TooManyRequests) as refusal:
        return render_with_errors("accounts/password.html", form, refusal)
    flash("Your new password is set. All other browsers are signed out, and your API tokens no longer work.")
    return redirect_to(url_for("web.change_password"))


@blueprint.route("/password-reset", methods=["GET", "POST"])
@limit_password_resets
def forgot_password() -> Response:
    form = ForgotForm(request.form or form_drafts.restore())
    if request.method != "POST":
        return render("accounts/password_reset_request.html", form=form, is_sent="sent" in request.args)
    if not form.validate():
        return render("accounts/password_reset_request.html", form=form, status=422)
    request_reset(login=form.username.data or "")
    return redirect_to(url_for("web.forgot_password", sent=1))


@blueprint.route("/password-reset/<token>", methods=["GET", "POST"])
def reset_password(token: str) -> Response:
    form = NewPasswordForm(request.form)
    try:
        user = RESET_PASSWORD.open(token)
        if request.method != "POST":
            response = render("accounts/reset.html", form=form, user=user, token=token)
        elif not form.validate():
            response = render("accounts/reset.html", form=form, user=user, token=token, status=422)
        else:
            know_network(password_reset.reset_password(token=token, new_password=form.new_password.data or ""))
            # Whoever was signed in here: all of this person's sessions have ended.
            sign_out()
            flash("Your new password is set. Sign in with it.")
            response = redirect_to(url_for("web.login"))
    except (Invalid, Conflict) as refusal:
        response = render_with_errors("accounts/reset.html", form, refusal, user=user, token=token)
    except NotFound as error:
        response = render("accounts/link_expired.html", message=error.message, is_confirmation=False, status=error.status)
    # The address is a key: no other site is to hear of it.
    response.headers["Referrer-Policy"] = "same-origin"
    return response
