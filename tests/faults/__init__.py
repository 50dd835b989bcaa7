"""One thing breaks in the middle of a sale, and the books are right afterwards.

Everything is a process of its own: PostgreSQL, Valkey, the web server, the workers, the beat. `parts.py` starts and
kills them, `sale.py` sells tickets over HTTP and remembers what each buyer was told, `books.py` reads the database.
"""
