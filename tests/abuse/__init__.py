"""Attacks that once worked, each as its attacker would do it; docs/security.md has a row for each."""
