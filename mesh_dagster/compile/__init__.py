"""Turn declarations into Dagster definitions; the only stage that imports Dagster.

In:  products that fit together.
Out: assets, checks, sensors and resources. Only wiring lives here: what a publication is and when
it is refused is decided by `run/`. Building definitions reads no file, network or clock.
"""
