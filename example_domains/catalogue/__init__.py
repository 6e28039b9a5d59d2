"""Own the artists, albums and tracks of the store's music library."""
