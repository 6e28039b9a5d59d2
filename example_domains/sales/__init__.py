"""Own the invoices of the store and their lines."""
