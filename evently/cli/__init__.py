"""Commands for operators: `flask --app wsgi …`."""

from flask import Flask

from evently.cli.cache import cache_commands
from evently.cli.consistency import check_ledger_command
from evently.cli.database import migration_commands
from evently.cli.doctor import doctor_command
from evently.cli.events import import_events_command, seed_demo_command
from evently.cli.load import seed_load_command
from evently.cli.poison_messages import poison_commands
from evently.cli.reports import report_commands
from evently.cli.users import create_superuser_command, set_role_command

COMMANDS = (
    *(migration_commands, create_superuser_command, set_role_command),
    *(seed_demo_command, import_events_command),
    *(cache_commands, seed_load_command, check_ledger_command, report_commands, poison_commands, doctor_command),
)


def init_app(app: Flask) -> None:
    for command in COMMANDS:
        app.cli.add_command(command)
