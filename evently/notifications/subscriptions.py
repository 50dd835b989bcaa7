"""Who wants no more mails that are not about their own tickets: reminders, and messages of one organizer."""

from evently.events.models import Event

REMINDERS = "reminders"


def topic_of(event: Event) -> str:
    """What one unsubscribes from who wants no more messages about such an event: those of its organizer."""
    return f"messages:{event.organizer_id}"
