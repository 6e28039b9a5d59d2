"""Say who has what, from where, and whether it is well.

In:  the registry, and the samples beside published files.
Out: plain values for commands, pages and exports; `entries.py` holds them, `catalog.py` fills them;
graphs of who reads what, from `lineage.py`; documents of public standards, from `odcs/`.
Nothing is declared, judged or published here.
"""
