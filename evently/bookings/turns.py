"""Which events an allocator of this process is at work on: one thread for each, however many are woken.

A message comes for a busy event every few milliseconds. If each took a thread, all threads would wait for the same
lock, and other events' messages for them.
"""

import threading
import uuid

_lock = threading.Lock()
# event: whether somebody else was woken for it since the last look
_at_work: dict[uuid.UUID, bool] = {}


def begin(event_id: uuid.UUID) -> bool:
    """Whether the event is yours. If not, whoever has it has been told to look once more."""
    with _lock:
        is_mine = event_id not in _at_work
        _at_work[event_id] = not is_mine
        return is_mine


def end_unless_called(event_id: uuid.UUID) -> bool:
    """Whether you may go: not if somebody was woken since you were last told, because they count on you."""
    with _lock:
        if _at_work[event_id]:
            _at_work[event_id] = False
            return False
        del _at_work[event_id]
        return True


def how_many() -> int:
    """Events that this process is at work on."""
    with _lock:
        return len(_at_work)


def end(event_id: uuid.UUID) -> None:
    """You go, whoever counts on you; you see to it that another allocator comes."""
    with _lock:
        _at_work.pop(event_id, None)
