"""`python -m evently.launch run` or `stack`."""

import argparse
import os
import sys

from evently.env_parsers import ConfigurationError
from evently.launch.processes import LaunchError, StopRequested, log, stop_on_signals
from evently.launch.reaper import reaper
from evently.launch.run import run
from evently.launch.stack import stack


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m evently.launch", description="Start Evently on this machine.")
    parser.add_argument("shape", choices=("run", "stack"), help="run: embedded, with demo data; stack: as in production")
    parser.add_argument("--with-parent", action="store_true", help="stop when the process that started this one ends, as make does")
    arguments = parser.parse_args()
    parent = os.getppid()
    stop_on_signals()
    try:
        {"run": run, "stack": stack}[arguments.shape](until=lambda: arguments.with_parent and os.getppid() != parent)
    except StopRequested:
        log("Stopped before it was up.")
        return 1
    except (LaunchError, ConfigurationError) as error:
        print(f"\nEvently cannot run: {error}", file=sys.stderr)  # noqa: T201 - a launcher's output is its interface
        return 1
    finally:
        reaper.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
