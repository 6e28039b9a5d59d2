"""Write contracts in the Open Data Contract Standard, and read them.

In:  contracts as plain data, or documents of anybody's.
Out: the other of the two. What ODCS has a field for goes there and nowhere else; what it has none
for goes into custom properties whose names begin with `mesh`. What a document holds beyond that
is kept with the contract and written back.

Source:
    ODCS v3.1.0 and v3.2.0.
"""
