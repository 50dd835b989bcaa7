"""The two applications a server starts: `app` for the web, `celery` for the workers."""

from evently import create_app

app = create_app()
celery = app.extensions["celery"]
