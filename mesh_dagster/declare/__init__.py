"""Say what a team promises: products, ports, contracts, objectives, and how they fit together.

In:  plain Python values and pandera models, as a domain team writes them.
Out: the same as checked values. A mistake is raised here, when it is declared.
No file, no network and no Dagster: declaring costs nothing and means the same everywhere.
"""
