"""Demo data: a town's worth of events, and three accounts to look around with."""
