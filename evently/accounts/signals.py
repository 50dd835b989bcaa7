"""What the account services tell the domains above them, inside the transaction that makes it true."""

from blinker import Namespace

_signals = Namespace()

# sender: a user whose address is to be confirmed; `is_repeat`: asked for by the user, who had such a mail before
confirmation_requested = _signals.signal("confirmation-wanted")
# sender: a user for whom a superuser made an account with a role; the address is to be confirmed too
staff_account_created = _signals.signal("staff-account-created")
# sender: a user who asked for another address; `change` is the EmailChange, whose new address is to be confirmed
email_change_requested = _signals.signal("email-change-requested")
# sender: a user whose address has changed, from a confirmed one; `change` is the EmailChange
email_changed = _signals.signal("email-changed")
# sender: a user who has just confirmed an address; `guests`: ids of accounts without a password that organizers made for
# the same address, which are deleted next
guests_merged = _signals.signal("guests-merged")
# sender: a user who has forgotten the password
password_reset_requested = _signals.signal("password-reset-wanted")
# sender: the confirmed user of an address with which another person tried to register another account
registration_attempted = _signals.signal("registration-attempted")
# sender: a user with a new password
password_changed = _signals.signal("password-changed")
# sender: a user who is about to close the account
account_closing = _signals.signal("account-closing")
# sender: list of users who have just been made nobody; what they hold goes back, and nothing of theirs is kept
users_deleted = _signals.signal("people-left")
