"""How the site is."""

from marshmallow import fields

from evently.api.fields import Choice, Integer, Text
from evently.api.schemas.base import ResponseSchema


class Health(ResponseSchema):
    status = Choice("healthy", "unhealthy")
    celery = Choice("running", "stopped", "unknown", metadata={"description": "Unknown while the broker does not answer."})
    workers = Integer(least=0)
    broker = Text(metadata={"description": "Its URL, without credentials; without the host unless you are staff."})
    processes = fields.List(Text(), metadata={"description": "The workers, by their names if you are staff."})
    message = Text()
