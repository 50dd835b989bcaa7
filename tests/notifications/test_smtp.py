"""Talking to a mail server that wants encryption and a password."""

import datetime as dt
import ipaddress
import ssl

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from evently.notifications.smtp import MailServer, Unreachable
from tests.notifications.outbox_helpers import PostOffice

LETTER = {"sender": "tickets@evently.example", "recipient": "mira@talberg.example", "content": b"Subject: Hello\r\n\r\n.dot\r\n"}


@pytest.fixture
def certificate(tmp_path):
    """A file with the key and the certificate of 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path / "mail.pem"
    path.write_bytes(private + built.public_bytes(encoding))
    return path


@pytest.fixture
def trusted(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


@pytest.fixture
def strict_office(certificate):
    """Wants STARTTLS, then the password."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    def authenticate(_server, _session, _envelope, _mechanism, login):
        return AuthResult(handled=False, success=login.login == b"evently" and login.password == b"secret")

    office = PostOffice()
    office._controller.loop.close()
    office._controller = Controller(
        office,
        hostname=office.host,
        port=office.port,
        tls_context=context,
        require_starttls=True,
        authenticator=authenticate,
        auth_required=True,
    )
    office.start()
    yield office
    office.stop()


@pytest.fixture
def open_server():
    office = PostOffice()
    office.start()
    yield office
    office.stop()


def server(office, **values):
    options = {"use_tls": True, "user": "evently", "password": "secret", "timeout": 5.0}
    return MailServer(office.host, office.port, "evently.example", **options | values)


def test_encrypted_and_logged_in(strict_office, trusted):
    with server(strict_office) as line:
        assert line.send(**LETTER) == "250 OK"
    # A line that is only a dot would end the mail; those that begin with one arrive as they were.
    assert strict_office.messages[0].get_content() == ".dot\r\n"


def test_a_wrong_password_is_not_the_fault_of_the_mail(strict_office, trusted):
    with server(strict_office, password="wrong") as line, pytest.raises(Unreachable, match="535") as refusal:
        line.send(**LETTER)
    assert "wrong" not in str(refusal.value)
    assert "secret" not in repr(server(strict_office))


def test_a_stranger_s_certificate_is_not_trusted(strict_office):
    with server(strict_office) as line, pytest.raises(Unreachable, match="certificate verify failed"):
        line.send(**LETTER)


def test_no_password_is_sent_in_the_clear(open_server):
    with server(open_server) as line, pytest.raises(Unreachable, match="STARTTLS"):
        line.send(**LETTER)


def test_an_address_beyond_ascii_for_a_server_that_knows_such(open_server):
    with server(open_server, use_tls=False, user="") as line:
        line.send(**LETTER | {"recipient": "mïra@talberg.example"})
    assert open_server.lines
