"""What is told to whom."""

from evently.notifications.models import Mail

__all__ = ["Mail"]
