import os
import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path

import pytest

from config import load_settings
from evently.config_urls import DATABASE_VARIABLES, is_embedded
from evently.env_parsers import ConfigurationError
from tests.harness.parts import ROOT

KEY = {"SECRET_KEY": "f3a1c2b4d5e6978012ab34cd56ef7890"}
PRODUCTION = KEY | {"DB_NAME": "box"}


def refusal(**environ: str) -> str:
    with pytest.raises(ConfigurationError) as refused:
        load_settings(PRODUCTION | environ)
    return str(refused.value)


@pytest.mark.parametrize("name", DATABASE_VARIABLES)
def test_any_variable_of_a_database_ends_embedded_mode(name: str):
    assert is_embedded({})
    assert is_embedded({name: ""})
    assert not is_embedded({name: "5432"})


@pytest.mark.parametrize(
    "environ",
    [
        {"DATABASE_URL": "postgres://ada:a%40b@db:5433/box"},
        {"DATABASE_URL": "postgresql://ada:a%40b@db:5433/box"},
        {"DB_USER": "ada", "DB_PASSWORD": "a@b", "DB_HOST": "db", "DB_PORT": "5433", "DB_NAME": "box"},
    ],
)
def test_however_a_database_is_named_it_is_reached_by_psycopg2(environ: dict[str, str]):
    settings = load_settings(KEY | environ)
    assert settings.SQLALCHEMY_DATABASE_URI == "postgresql+psycopg2://ada:a%40b@db:5433/box"
    assert not settings.EMBEDDED


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"), ("PORT", "80.5"), ("PORT", "-1"), ("PORT", "٣"), ("PORT", "70000"),
        ("SWEEP_SECONDS", "nan"), ("SWEEP_SECONDS", "inf"), ("SWEEP_SECONDS", "0"),
        ("EMAIL_TIMEOUT", "-1"), ("EMAIL_USE_TLS", "maybe"), ("DEFAULT_TIMEZONE", "Mars/Base"),
        ("DATABASE_URL", "mysql://db/box"), ("DB_PORT", "tcp://10.0.0.1:5432"), ("WORKER_CONCURRENCY", "0"), ("DEFAULT_CURRENCY", "ECU"),
        ("BOOKING_RATE_LIMIT", "ten a minute"), ("SITE_URL", "tickets.example.org"), ("SITE_URL", "https://example.org/tickets"),
        ("REDIS_URL", "memcached://cache"), ("ALLOWED_HOSTS", "https://example.org"), ("ALLOWED_HOSTS", "a b_c"),
        ("TRUSTED_PROXIES", "nginx"), ("TRUSTED_PROXIES", "10.0.0.0/99"), ("DEFAULT_FROM_EMAIL", "Evently"), ("DEBUG", "si"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_used_is_named(name: str, value: str):
    assert refusal(**{name: value}).startswith(name)


def test_all_that_is_wrong_is_said_at_once():
    said = refusal(SECRET_KEY="", DATABASE_URL="sqlite:////srv/site.sqlite3", SWEEP_SECONDS="soon", DEFAULT_CURRENCY="ECU", EMAIL_HOTS="mx")
    lines = said.splitlines()
    assert lines[0] == "5 things in its configuration are wrong."
    names = ["EMAIL_HOTS", "DEFAULT_CURRENCY", "SWEEP_SECONDS", "SECRET_KEY", "DATABASE_URL"]
    assert [line.split()[1] for line in lines[1:]] == names


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("DATABASE_URI", "DATABASE_URL"), ("DB_PASS", "DB_PASSWORD"), ("DB_USERNAME", "DB_USER"), ("SECRETKEY", "SECRET_KEY"),
        ("secret_key", "SECRET_KEY"), ("EMAIL_PASSWORD", "EMAIL_HOST_PASSWORD"),
        ("ALLOWED_HOST", "ALLOWED_HOSTS"), ("RATE_LIMIT_ENABLED", "RATELIMIT_ENABLED"),
    ],
)  # fmt: skip
def test_a_name_that_is_nearly_one_of_ours_is_no_setting_that_silently_does_nothing(name: str, meant: str):
    assert f"Is {meant} meant?" in refusal(**{name: "value"})


def test_names_of_others_are_left_alone():
    theirs = [
        "HOSTNAME",
        "TEST_DATABASE_URL",
        "TEST_REDIS_URL",
        "PATH",
        "PGPASSWORD",
        "SESSION_MANAGER",
        "SESSION",
        "EMAIL",
        "DB_PORT_5432_TCP",
    ]
    load_settings(PRODUCTION | dict.fromkeys(theirs, "value"))
    # Nobody meant anything by it.
    load_settings(PRODUCTION | {"DATABASE_URI": ""})


def test_a_database_of_its_own_needs_a_secret_of_its_own():
    assert refusal(SECRET_KEY="").startswith("SECRET_KEY is not set. Make one:")


@pytest.mark.parametrize(
    "key", ["short", "a" * 64, "please-change-me-please-change-me-1", "django-insecure-0123456789abcdefghijk", "f3a1" * 16]
)
def test_a_secret_that_can_be_guessed_is_refused(key: str):
    assert refusal(SECRET_KEY=key).startswith("SECRET_KEY ")
    assert key not in refusal(SECRET_KEY=key)


@pytest.mark.parametrize("reached", [{"SITE_URL": "https://box.example"}, {"ALLOWED_HOSTS": "box.example"}, {"HOST": "0.0.0.0"}])
def test_debug_is_for_this_machine_alone(reached: dict[str, str]):
    # For which a short secret and a file will do.
    assert load_settings({"DEBUG": "true", "SECRET_KEY": "dev", "DATABASE_URL": "sqlite:////srv/site.sqlite3"}).DEBUG
    assert refusal(DEBUG="true", **reached).startswith("DEBUG is on")


def test_passwords_in_addresses_are_not_said():
    said = refusal(DATABASE_URL="mysql://ada:enigma@db/box", REDIS_URL="http://:enigma@redis")
    assert "DATABASE_URL" in said
    assert "REDIS_URL" in said
    assert "enigma" not in said


def test_lists_may_have_commas_or_spaces():
    settings = load_settings(PRODUCTION | {"ALLOWED_HOSTS": "Box.example, .box.example", "TRUSTED_PROXIES": "127.0.0.1,10.0.0.0/8 ::1"})
    assert settings.ALLOWED_HOSTS == ("box.example", ".box.example")
    assert (ip_network("127.0.0.1/32"), ip_network("10.0.0.0/8"), ip_network("::1/128")) == settings.TRUSTED_PROXIES


def test_the_secret_of_embedded_mode_is_made_once_and_is_nobody_elses(tmp_path: Path):
    first, second = (load_settings({"EVENTLY_DATA_DIR": str(tmp_path)}) for _ in range(2))
    assert len(first.SECRET_KEY) == 64
    assert first.SECRET_KEY == second.SECRET_KEY
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_no_secret_is_shown_with_the_settings():
    names = ("SECRET_KEY", "TICKET_SECRET", "EMAIL_HOST_PASSWORD")
    secrets = dict.fromkeys(names, "enigma-0123456789-abcdefghijklmn")
    settings = load_settings(PRODUCTION | secrets | {"DB_PASSWORD": "enigma", "REDIS_URL": "redis://:enigma@cache"})
    assert secrets["EMAIL_HOST_PASSWORD"] == settings.EMAIL_HOST_PASSWORD
    assert "enigma" not in repr(settings)


def test_tickets_share_the_secret_of_sessions_until_they_have_their_own():
    assert KEY["SECRET_KEY"] == load_settings(PRODUCTION).TICKET_SECRET
    settings = load_settings(PRODUCTION | {"TICKET_SECRET": "for tickets"})
    assert (KEY["SECRET_KEY"], "for tickets") == (settings.SECRET_KEY, settings.TICKET_SECRET)


def test_an_empty_variable_counts_as_not_set(tmp_path: Path):
    settings = load_settings({"EVENTLY_DATA_DIR": str(tmp_path), "PORT": "", "RATELIMIT_ENABLED": "", "DEFAULT_TIMEZONE": ""})
    assert (settings.PORT, settings.RATELIMIT_ENABLED, settings.DEFAULT_TIMEZONE) == (8000, True, "UTC")


def test_a_configuration_that_cannot_be_used_is_all_that_one_reads(tmp_path: Path):
    wrong = {"DB_NAME": "box", "SECRET_KEY": "", "DATABASE_URL": "", "DEFAULT_CURRENCY": "ECU", "EVENTLY_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "doctor"]
    done = subprocess.run(command, env=os.environ | wrong, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    first, *rest = done.stderr.splitlines()
    assert first == "Evently cannot run: 2 things in its configuration are wrong."
    assert [line.split()[:2] for line in rest] == [["-", "DEFAULT_CURRENCY"], ["-", "SECRET_KEY"]]
