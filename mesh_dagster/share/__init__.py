"""Serve the catalogue to people and programs.

In:  HTTP requests; the registry and the store, which are only read.
Out: JSON under `/api/v1`, pages, metrics. Nothing is published, and no port's rows are served but
the few of its sample.
"""
