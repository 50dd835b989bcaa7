"""The shapes of the API, by subject: what it reads, and what it answers, in the order in which it says it.

Bodies say what is what; lengths, choices and ranges are documented here and judged by the services, whose messages name
everything that is wrong at once.
"""
