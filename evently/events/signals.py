"""What the event services tell the domains above them, inside the transaction that makes it true."""

from blinker import Namespace

_signals = Namespace()

# sender: the event; its bookings must not outlive it
event_cancelled = _signals.signal("event-cancelled")
# sender: the event; seats were added, so whoever waits in the queue may fit now
capacity_raised = _signals.signal("capacity-raised")
# sender: the event, about to be deleted; whoever still needs it raises Conflict
event_deleted = _signals.signal("event-deleted")
# sender: the event, after the change, with `changes`: {field: (before, after)} of what those who hold tickets have to
# know; published events only, and none that is over. The fields are those of services.TOLD.
event_changed = _signals.signal("event-changed")
