"""Show a mesh of six domains, one Dagster code location each.

No domain imports another: each names what it reads by address, as a team in another repository
would. `source_folder.py` is the only file that several of them share; it finds their input.
"""
