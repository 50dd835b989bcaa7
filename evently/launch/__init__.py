"""Starts the site on one machine: `python -m evently.launch run` (embedded) or `stack` (the production shape).

Only the standard library and config.py are imported in the launching process, so that it starts at once and stays
small; the site itself runs in the processes it starts.
"""
