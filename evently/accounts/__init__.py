"""Who you are: people, their roles and their API tokens."""
