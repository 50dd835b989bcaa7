"""What can be seen of the running site from outside: its log lines and its figures. Below the domains, and knows none."""
