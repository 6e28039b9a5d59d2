"""Work out what each artist earned, and how often each artist was played."""
