"""What is on: events, their ticket types and how many seats are left."""
