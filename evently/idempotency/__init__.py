"""Requests that may be sent twice and are carried out once: the store behind `Idempotency-Key` and form keys."""
