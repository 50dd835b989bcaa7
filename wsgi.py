"""The two applications a server starts: `app` for the web, `celery` for the workers."""

import gc
import signal
import sys
import threading

# The web server's processes hear of a stop once all is loaded; those that were just starting would serve on until killed.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))

from config import load_settings
from evently import create_app
from evently.env_parsers import ConfigurationError
from evently.observability import process_setup

try:
    settings = load_settings()
except ConfigurationError as error:
    # What is wrong, without a traceback above it.
    sys.exit(f"Evently cannot run: {error}")
process_setup.configure(settings)
# Inside `celery -A wsgi`, which takes what is called `app` for its own application.
is_for_tasks = "celery.bin.celery" in sys.modules
app = create_app(settings, serves=not is_for_tasks)
celery = app.extensions["celery"]
if is_for_tasks:
    app = celery

# What is loaded by now stays as long as the process does. Looking through all of it again and again made every twentieth
# calendar take three times as long.
gc.collect()
gc.freeze()
