"""How it is going: figures about events and their bookings."""
