"""Who changed what, and when: one row for every administrative change, written with the change itself."""
