"""Was the promise kept?

In:  declarations and publications, as the registry holds them, and a clock reading.
Out: the state of every promise, its budget and its history; breaches, told to the right people.
What belongs to making or refusing a publication lies in `run/`.
"""
