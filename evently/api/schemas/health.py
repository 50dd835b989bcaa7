"""How the site is."""

from marshmallow import fields

from evently.api.fields import Choice, Text, Whole
from evently.api.schemas.shapes import Answer


class Health(Answer):
    status = Choice("healthy", "unhealthy")
    celery = Choice("running", "stopped", "unknown", metadata={"description": "Unknown while the broker does not answer."})
    workers = Whole(least=0)
    broker = Text(metadata={"description": "Its URL, without credentials; without the host unless you are staff."})
    processes = fields.List(Text(), metadata={"description": "The workers, by their names if you are staff."})
    message = Text()
