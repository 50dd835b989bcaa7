"""One conversation with the mail server, over which many mails go; opened when the first is sent, and again when it breaks."""

import contextlib
import smtplib
import ssl
from dataclasses import dataclass, field
from typing import Self

# Port on which TLS begins before anybody speaks; on others it is asked for (STARTTLS).
IMPLICIT_TLS_PORT = 465
# Answers about us, not about the mail: log in first, wrong password, encrypt first. An operator can mend that.
OUR_FAULT_CODES = {530, 534, 535, 538}


class Unreachable(Exception):
    """The server cannot be talked to, now or any more. Says nothing about the mail."""


class AmbiguousDelivery(Unreachable):
    """The line broke after the whole mail was handed over: the server may have taken it."""


class Refused(Exception):
    """The server does not take this mail: not now, or never."""

    def __init__(self, code: int, answer: bytes) -> None:
        super().__init__(_words(code, answer))
        self.code = code
        self.is_permanent = code >= 500 and code not in OUR_FAULT_CODES


@dataclass
class MailServer:
    """`hello` is the name we give ourselves; `timeout` (seconds) holds for each answer of the server."""

    host: str
    port: int
    hello: str
    use_tls: bool = False
    user: str = ""
    password: str = field(default="", repr=False)
    timeout: float = 10.0
    _line: smtplib.SMTP | None = field(default=None, init=False, repr=False)

    def send(self, *, sender: str, recipient: str, content: bytes) -> str:
        """The server's answer when it has taken the mail. Raises Refused, and Unreachable or Unanswered when the line breaks.

        Lines of `content` end with CRLF, the last one too.
        """
        line = self._line or self._open()
        try:
            return self._send_message(line, sender, recipient, content)
        except Refused as refusal:
            self._reset(line, refusal)
            raise
        except smtplib.SMTPNotSupportedError as error:
            # An address beyond ASCII, for a server that does not know such.
            raise Refused(553, str(error).encode()) from error
        except AmbiguousDelivery:
            self._drop()
            raise
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            raise Unreachable(_reason(error)) from error

    def connect(self) -> None:
        """Open the line as the first mail does, and send none. Raises Unreachable."""
        if self._line is None:
            self._open()

    def close(self) -> None:
        """Say goodbye, politely if the server still listens."""
        if self._line is not None:
            with contextlib.suppress(OSError):
                self._line.quit()
            self._drop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> smtplib.SMTP:
        try:
            self._line = line = self._connect()
            if self.use_tls and self.port != IMPLICIT_TLS_PORT:
                line.starttls(context=ssl.create_default_context())
            line.ehlo_or_helo_if_needed()
            if self.user:
                line.login(self.user, self.password)
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            raise Unreachable(f"{self.host}:{self.port}: {_reason(error)}") from error
        return line

    def _connect(self) -> smtplib.SMTP:
        if self.use_tls and self.port == IMPLICIT_TLS_PORT:
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, self.hello, timeout=self.timeout, context=context)
        return smtplib.SMTP(self.host, self.port, self.hello, timeout=self.timeout)

    @staticmethod
    def _send_message(line: smtplib.SMTP, sender: str, recipient: str, content: bytes) -> str:
        if recipient.isascii():
            # Plain addresses, which need none of the library's reading.
            _expect_yes(*line.docmd("MAIL", f"FROM:<{sender}>"))
            _expect_yes(*line.docmd("RCPT", f"TO:<{recipient}>"))
        else:
            _expect_yes(*line.mail(sender, ["SMTPUTF8"]))
            _expect_yes(*line.rcpt(recipient))
        code, answer = line.docmd("DATA")
        if code != 354:
            raise Refused(code, answer)
        # A line that is one dot ends the mail, so dots that begin a line are doubled.
        line.send(content.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        try:
            code, answer = line.getreply()
        except (OSError, smtplib.SMTPException) as error:
            raise AmbiguousDelivery(_reason(error)) from error
        _expect_yes(code, answer)
        return _words(code, answer)

    def _reset(self, line: smtplib.SMTP, refusal: Refused) -> None:
        """Ready for the next mail; after 421 the server has hung up."""
        try:
            if refusal.code != 421:
                line.rset()
                return
        except (OSError, smtplib.SMTPException):
            pass
        self._drop()

    def _drop(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None


def _expect_yes(code: int, answer: bytes) -> None:
    if not 250 <= code < 260:
        raise Refused(code, answer)


def _words(code: int, answer: bytes) -> str:
    return f"{code} {' '.join(answer.decode('utf-8', 'replace').split())}"


def _bytes(answer: bytes | str) -> bytes:
    return answer.encode() if isinstance(answer, str) else answer


def _reason(error: OSError) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _words(error.smtp_code, _bytes(error.smtp_error))
    return str(error) or type(error).__name__
