"""Own the play events and the song list of the radio stations."""
