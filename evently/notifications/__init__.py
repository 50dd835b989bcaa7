"""What we told people: the mail outbox and its delivery."""
