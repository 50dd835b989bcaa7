"""What tests stand on: real servers, the site on each database, and a visitor who fills in forms."""
