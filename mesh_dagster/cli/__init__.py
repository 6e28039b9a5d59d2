"""Take commands in a terminal, one file for each group: arguments in, text or JSON out.

Nothing is decided here, and Dagster is imported only inside the commands that run something.
"""
