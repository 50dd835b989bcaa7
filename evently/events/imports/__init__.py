"""Files that hold events: reading JSON, CSV and iCalendar into rows, and rows into the fields of an event."""
