"""Make one publication: read, build, stage, audit, publish.

In:  declarations from `declare/`, and frames.
Out: whole, audited versions in the store and their record in the registry.
Polars, DuckDB and Delta live here; Dagster does not, so that every rule is tested without a run.
"""
