"""What the account services tell the domains above them, inside the transaction that makes it true."""

from blinker import Namespace

_signals = Namespace()

# sender: list of users who have just been made nobody; what they hold goes back, and nothing of theirs is kept
people_left = _signals.signal("people-left")
