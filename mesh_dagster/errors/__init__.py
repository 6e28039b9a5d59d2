"""Name every mistake that a user can make, and say what to do about it.

In:  the culprits of a mistake, as data.
Out: one exception class per mistake, in one file per stage; the class builds its own message.
A message says who, what we got against what was expected, what to do, and what did not happen.
It never holds a value of the data.
"""

from mesh_dagster.errors.cli import (
    DagsterHomeError,
    DemoMisplacedError,
    LocationRefusedError,
    NoMatchError,
    NothingSelectedError,
    UnknownPartitionError,
    UnreadableRowsError,
    WorkspaceRefusedError,
)
from mesh_dagster.errors.declare import (
    AddressRefusedError,
    CircularInputError,
    CollidingKeyError,
    ContractRefusedError,
    DeclarationError,
    DuplicateNameError,
    DuplicateProductError,
    InternalNotReadableError,
    InternalReadError,
    MeshLoadError,
    NameRefusedError,
    NoProductError,
    UnknownInputError,
    UnknownParameterError,
)
from mesh_dagster.errors.message import (
    MeshError,
    listed,
    nearest,
)
from mesh_dagster.errors.run import (
    CommitContendedError,
    FrameRefusedError,
    InternalMissingError,
    NotPublishedError,
    NotSplittableError,
    PartitioningChangedError,
    PublicationRefusedError,
    RegistryError,
    SqlRefusedError,
    StagingFailedError,
    StoreRefusedError,
    UnknownVersionError,
)

__all__ = [
    "AddressRefusedError",
    "CircularInputError",
    "CollidingKeyError",
    "CommitContendedError",
    "ContractRefusedError",
    "DagsterHomeError",
    "DeclarationError",
    "DemoMisplacedError",
    "DuplicateNameError",
    "DuplicateProductError",
    "FrameRefusedError",
    "InternalMissingError",
    "InternalNotReadableError",
    "InternalReadError",
    "LocationRefusedError",
    "MeshError",
    "MeshLoadError",
    "NameRefusedError",
    "NoMatchError",
    "NoProductError",
    "NotPublishedError",
    "NotSplittableError",
    "NothingSelectedError",
    "PartitioningChangedError",
    "PublicationRefusedError",
    "RegistryError",
    "SqlRefusedError",
    "StagingFailedError",
    "StoreRefusedError",
    "UnknownInputError",
    "UnknownParameterError",
    "UnknownPartitionError",
    "UnknownVersionError",
    "UnreadableRowsError",
    "WorkspaceRefusedError",
    "listed",
    "nearest",
]
