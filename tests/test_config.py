from pathlib import Path

import pytest

from config import DATABASE_VARIABLES, ConfigurationError, is_embedded, load_settings

KEY = {"SECRET_KEY": "secret"}


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
        ("PORT", "http"), ("PORT", "80.5"), ("PORT", "-1"), ("PORT", "٣"), ("SWEEP_SECONDS", "nan"), ("SWEEP_SECONDS", "inf"),
        ("EMAIL_TIMEOUT", "-1"), ("EMAIL_USE_TLS", "maybe"), ("DEFAULT_TIMEZONE", "Mars/Base"), ("DATABASE_URL", "mysql://db/box"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_used_is_named(name: str, value: str):
    with pytest.raises(ConfigurationError, match=name):
        load_settings(KEY | {"DB_NAME": "box", name: value})


def test_a_database_of_its_own_needs_a_secret_of_its_own():
    with pytest.raises(ConfigurationError, match="SECRET_KEY"):
        load_settings({"DB_NAME": "box"})


def test_the_secret_of_embedded_mode_is_made_once_and_is_nobody_elses(tmp_path: Path):
    first, second = (load_settings({"EVENTLY_DATA_DIR": str(tmp_path)}) for _ in range(2))
    assert len(first.SECRET_KEY) == 64
    assert first.SECRET_KEY == second.SECRET_KEY
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600
    assert first.SECRET_KEY not in repr(first)


def test_tickets_share_the_secret_of_sessions_until_they_have_their_own():
    assert load_settings(KEY | {"DB_NAME": "box"}).TICKET_SECRET == "secret"
    settings = load_settings(KEY | {"DB_NAME": "box", "TICKET_SECRET": "for tickets"})
    assert (settings.SECRET_KEY, settings.TICKET_SECRET) == ("secret", "for tickets")
    assert "for tickets" not in repr(settings)


def test_an_empty_variable_counts_as_not_set(tmp_path: Path):
    settings = load_settings({"EVENTLY_DATA_DIR": str(tmp_path), "PORT": "", "RATELIMIT_ENABLED": "", "DEFAULT_TIMEZONE": ""})
    assert (settings.PORT, settings.RATELIMIT_ENABLED, settings.DEFAULT_TIMEZONE) == (8000, True, "UTC")


@pytest.mark.parametrize(("url", "is_secure"), [("https://box.example/", True), ("http://127.0.0.1:8000", False), ("", False)])
def test_cookies_go_by_https_only_where_the_site_does(url: str, is_secure: bool):
    settings = load_settings(KEY | {"DB_NAME": "box", "SITE_URL": url})
    assert settings.SESSION_COOKIE_SECURE is is_secure
    assert settings.SESSION_COOKIE_NAME.startswith("__Host-") is is_secure
