"""May this change go out?

In:  declarations as they were released, and as they are now; who reads what.
Out: typed changes, the version step that they demand, and the consumers that they break.
Nothing here runs a pipeline or judges data.
"""
