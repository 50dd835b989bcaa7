"""Which events an allocator of this process is at work on: one thread for each, however many are woken.

A message comes for a busy event every few milliseconds. If each took a thread, all threads would wait for the same
lock, and other events' messages for them.
"""

import threading
import uuid

_lock = threading.Lock()
# event: whether somebody else was woken for it since the last look
_running: dict[uuid.UUID, bool] = {}


def try_acquire(event_id: uuid.UUID) -> bool:
    """Whether the event is yours. If not, whoever has it has been told to look once more."""
    with _lock:
        is_mine = event_id not in _running
        _running[event_id] = not is_mine
        return is_mine


def release_if_idle(event_id: uuid.UUID) -> bool:
    """Whether you may go: not if somebody was woken since you were last told, because they count on you."""
    with _lock:
        if _running[event_id]:
            _running[event_id] = False
            return False
        del _running[event_id]
        return True


def count() -> int:
    """Events that this process is at work on."""
    with _lock:
        return len(_running)


def release(event_id: uuid.UUID) -> None:
    """You go, whoever counts on you; you see to it that another allocator comes."""
    with _lock:
        _running.pop(event_id, None)
