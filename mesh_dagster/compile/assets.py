"""Make the Dagster assets of a product: one op for each port, one asset for each internal.

In:  a product.
Out: assets definitions. A port's op builds, publishes and reports; when its batch is refused it
yields the failed checks, fails without retries, and materializes nothing.

Why: Dagster stores a materialization before it looks at a blocking check, so a check alone would
renew a port's freshness with bad data. Only an op that never yields the materialization is a gate.
"""

import hashlib
import inspect
import os
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timezone
from typing import Any

import dagster as dg

from mesh_dagster.compile import metadata, names
from mesh_dagster.compile.automation import condition_for, freshness_for
from mesh_dagster.compile.checks import checks_for, results_for
from mesh_dagster.compile.expected import expected_partitions
from mesh_dagster.compile.failing import made_from, recording
from mesh_dagster.compile.partitions import cut_of, inside, require_partitions
from mesh_dagster.compile.promises import freshness_check_for, freshness_results
from mesh_dagster.compile.resources import MeshResource
from mesh_dagster.compile.steps import (
    Step,
    deps_for,
    kinds_for,
    signature_for,
)
from mesh_dagster.compile.telling import telling
from mesh_dagster.declare.lifecycle import Deprecated, name_of_state, state_text
from mesh_dagster.declare.port import Adopted, Internal, OutputPort
from mesh_dagster.declare.product import DataProduct
from mesh_dagster.declare.wiring import Build
from mesh_dagster.errors import DeclarationError
from mesh_dagster.run.consumers import states_of
from mesh_dagster.run.declared import register
from mesh_dagster.run.frames import as_plan
from mesh_dagster.run.judge import Batch
from mesh_dagster.run.publish import Published, Refused, publish
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import Store

Asset = dg.AssetsDefinition | dg.AssetSpec
PortEvent = dg.AssetCheckResult | dg.MaterializeResult[Any]


def assets_for(product: DataProduct) -> list[Asset]:
    """Return every asset of a product."""
    return [
        *(adopted_for(product, adopted) for adopted in product.adopted.values()),
        *(internal_for(product, internal) for internal in product.internals.values()),
        *(port_for(product, port) for port in product.ports.values()),
    ]


def port_for(product: DataProduct, port: OutputPort) -> dg.AssetsDefinition:
    """Return a port as one op with its checks, which cannot be left out."""
    signature, ins = signature_for(product, port.build)

    def compute(context: dg.AssetExecutionContext, **given: Any) -> Iterator[PortEvent]:
        step = Step(product, port.build, port.made_from, context, given, port.partitioned)
        mesh: MeshResource = given[names.MESH_RESOURCE]
        store, registry = mesh.store(), mesh.open_registry()
        with (
            closing(registry),
            registry.held(),
            closing(step),
            recording(step, port.execution, [port], _now),
            telling(step, port, _now) as tell,
        ):
            batch = _built(step, port)
            register(product, registry, _now, expected_partitions)
            states = _input_states(context, port, registry, step)
            shown = {**metadata.column_lineage(batch.lineage), **states}
            outcome = publish(batch, store, registry, _now)
            tell(outcome)
            if isinstance(outcome, Refused):
                yield from _refusal(context, port, outcome)
            else:
                yield from _publication(context, port, outcome, store, shown)
                yield from freshness_results(port, registry, _now())

    compute.__signature__ = signature  # type: ignore[attr-defined]  # Dagster reads it
    decorate = dg.multi_asset(
        name=names.op_name(port.address.parts),
        specs=[_port_spec(product, port)],
        ins=ins,
        check_specs=[*checks_for(port), *freshness_check_for(port)],
        can_subset=False,
        pool=port.execution.pool,
        retry_policy=port.execution.retry_policy,
        op_tags=dict(port.execution.op_tags) or None,
    )
    return decorate(compute)


def internal_for(product: DataProduct, internal: Internal) -> dg.AssetsDefinition:
    """Return an internal as an asset whose frame the mesh's IO manager stores."""
    signature, ins = signature_for(product, internal.build)

    def compute(context: dg.AssetExecutionContext, **given: Any) -> object:
        # Left open: a DuckDB relation is read only when the IO manager stores it.
        partitioned = internal.execution.partitions is not None
        step = Step(product, internal.build, internal.made_from, context, given, partitioned)
        with recording(step, internal.execution, made_from(product, internal), _now):
            result = step.result()
            context.add_output_metadata({names.INPUTS: dict(step.inputs)})
            if internal.io_manager_key is None:  # another one may take anything, not only frames
                plan = as_plan(result, names.internal_key(internal).to_user_string())
                plan.collect_schema()  # a lost file or column is found here, not by the IO manager
                context.add_output_metadata(metadata.column_lineage(step.lineage(result, plan)))
            return result

    compute.__signature__ = signature  # type: ignore[attr-defined]  # Dagster reads it
    decorate = dg.asset(
        key=names.internal_key(internal),
        ins=ins,
        deps=deps_for(product, internal.build),
        group_name=names.internal_group(product),
        description=internal.description,
        owners=[product.owner],
        tags=names.tags_for(product, "internal"),
        kinds=kinds_for(internal.build, "parquet"),
        code_version=_code_version(product, internal.build, ""),
        metadata=metadata.code_references(internal.build),
        io_manager_key=internal.io_manager_key or names.IO_MANAGER,
        partitions_def=internal.execution.partitions,
        automation_condition=condition_for(product, internal),
        pool=internal.execution.pool,
        retry_policy=internal.execution.retry_policy,
        op_tags=dict(internal.execution.op_tags) or None,
    )
    return decorate(compute)


def adopted_for(product: DataProduct, adopted: Adopted) -> Asset:
    """Return an adopted asset, put among the product's internals; a bare key becomes a spec."""
    asset = adopted.asset
    if isinstance(asset, dg.AssetKey):
        asset = dg.AssetSpec(asset)

    def inside_product(spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec.replace_attributes(
            group_name=names.internal_group(product),
            tags={**spec.tags, **names.tags_for(product, "internal")},
            owners=spec.owners or [product.owner],
        )

    if isinstance(asset, dg.AssetSpec):
        return inside_product(asset)
    if not isinstance(asset, dg.AssetsDefinition):  # Dagster has source assets of other kinds
        raise DeclarationError(
            f"Product '{product.key}'",
            f"adopts '{adopted.name}' as a '{type(asset).__name__}'",
            "Give an AssetSpec of its key, and define it in another code location.",
        )
    adapted: dg.AssetsDefinition = asset.map_asset_specs(inside_product)
    return adapted


def _port_spec(product: DataProduct, port: OutputPort) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=names.port_key(port.address),
        deps=[
            *deps_for(product, port.build),
            *(given.key for given in signature_for(product, port.build)[1].values() if given.key),
        ],
        description=metadata.described(product, port),
        metadata=metadata.port_metadata(product, port),
        group_name=names.port_group(product),
        code_version=_code_version(product, port.build, port.contract.digest),
        automation_condition=condition_for(product, port),
        owners=[product.owner],
        tags={**names.tags_for(product, "port"), **_lifecycle_tag(port)},
        kinds=kinds_for(port.build, "deltalake"),
        partitions_def=require_partitions(port),
        freshness_policy=freshness_for(port.freshness),
    )


def _built(step: Step, port: OutputPort) -> Batch:
    """Call the build function of a port."""
    result = step.result()
    plan = as_plan(result, str(port.address))
    return Batch(
        port,
        plan,
        step.slice,
        inside(port, step.slice) if port.partitioned else {},
        step.inputs,
        step.context.run.run_id,
        step.begun,
        step.lineage(result, plan, port.contract.column_names),
        cut=cut_of(port),
        code_version=_code_version(step.product, port.build, port.contract.digest),
        revision=os.environ.get("MESH_CODE_VERSION") or os.environ.get("GIT_COMMIT"),
    )


def _lifecycle_tag(port: OutputPort) -> dict[str, str]:
    return {} if port.state == "active" else {names.LIFECYCLE_TAG: name_of_state(port.state)}


def _input_states(
    context: dg.AssetExecutionContext, port: OutputPort, registry: Registry, step: Step
) -> metadata.Metadata:
    """Warn of inputs that are not active, those of internals included."""
    states = states_of(registry, step.inputs)
    for address, state in states.items():
        if isinstance(state, Deprecated) or port.state != "draft":
            context.log.warning(
                "%s reads %s, which is %s", port.address, address, state_text(state)
            )
    return metadata.input_states(states)


def _publication(
    context: dg.AssetExecutionContext,
    port: OutputPort,
    outcome: Published,
    store: Store,
    shown: metadata.Metadata,
) -> Iterator[PortEvent]:
    made = outcome.publication
    if not outcome.recorded:
        context.log.warning(
            "%s published version %d, but the registry did not record it; `mesh reindex` will",
            made.address,
            made.version,
        )
    context.log.info(
        "%s published version %d: %d rows, %d rejected",
        made.address,
        made.version,
        made.rows,
        made.rejected_rows,
    )
    yield dg.MaterializeResult(
        asset_key=names.port_key(port.address),
        metadata={**metadata.publication_metadata(made, store.table(port.address)), **shown},
        data_version=dg.DataVersion(str(made.version)),
    )
    # Dagster counts a check for the materialization before it, so the results come second.
    yield from results_for(port, outcome.verdict, published=True)


def _refusal(
    context: dg.AssetExecutionContext, port: OutputPort, outcome: Refused
) -> Iterator[PortEvent]:
    context.log.error("%s refused a batch of %d rows", port.address, outcome.refusal.rows)
    yield from results_for(port, outcome.verdict, published=False)
    raise dg.Failure(str(outcome.error), allow_retries=False) from outcome.error


def _code_version(product: DataProduct, build: Build, digest: str) -> str:
    try:
        source = inspect.getsource(inspect.unwrap(build.function))
    except (OSError, TypeError):
        source = ""
    return f"{product.version}-{hashlib.sha256((source + digest).encode()).hexdigest()[:12]}"


def _now() -> datetime:
    return datetime.now(timezone.utc)
