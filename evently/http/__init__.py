"""What the three edges (web, dashboard, api) share: answers to errors, fragments, headers, formats."""
