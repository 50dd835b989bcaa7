"""Who comes: the queue of bookings and the allocator that decides them in order of arrival."""
