"""Own the record labels and their releases."""
