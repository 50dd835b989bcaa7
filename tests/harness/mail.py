"""An SMTP server on a real socket that keeps what it is sent."""

import threading
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as policy
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from evently.launch.ports import free_port


class SmtpServer:
    """`messages` are those it took, in order; `refuse` is an answer to give instead ("550 No such user")."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.refuse: str | None = None
        self._changed = threading.Condition()
        self._controller = Controller(self, hostname="127.0.0.1", port=free_port())
        self.host, self.port = "127.0.0.1", self._controller.port

    def start(self) -> "SmtpServer":
        self._controller.start()
        return self

    def stop(self) -> None:
        self._controller.stop()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        if self.refuse:
            return self.refuse
        content: Any = envelope.original_content
        message = message_from_bytes(content, policy=policy)
        assert isinstance(message, EmailMessage)
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()
        return "250 OK"

    def wait_for(self, count: int = 1, *, timeout: float = 20.0) -> list[EmailMessage]:
        """The messages, as soon as there are so many; fails after `timeout` seconds."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: len(self.messages) >= count, timeout=timeout)
        assert arrived, f"{len(self.messages)} of {count} mails arrived within {timeout} s"
        return self.messages
