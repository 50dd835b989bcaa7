"""What the booking engine tells the domains above it, inside the transaction that makes it true."""

from blinker import Namespace

_signals = Namespace()

# sender: an Outcome of allocation.py; a batch of bookings was decided
bookings_decided = _signals.signal("bookings-decided")
# sender: list of booking ids; `by_event`: whether the event was called off rather than the booking given back
bookings_cancelled = _signals.signal("bookings-cancelled")
# sender: a booking that an organizer (`by`) adds for another person
booking_added = _signals.signal("booking-added")
# sender: the event's id; `rows`: the admissions just written, one for each seat let in
tickets_checked_in = _signals.signal("tickets-admitted")
# sender: the event's id; `moments`: when those had come in who count as not come in any more, one for each seat
check_ins_undone = _signals.signal("admissions-undone")
