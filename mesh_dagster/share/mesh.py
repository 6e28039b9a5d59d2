"""Hold what is served: the store, and its registry, opened once for the whole process.

In:  a store.
Out: its registry. Looking makes no file: until something is registered, an empty registry in a
temporary folder stands in for it.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

import sqlalchemy as sa

from mesh_dagster.errors import RegistryError
from mesh_dagster.run.registry import Registry
from mesh_dagster.run.store import Store


class Mesh:
    """One mesh; safe to share between threads.

    Args:
        store: Where publications lie, and by default the registry.
        dagster_url: Where Dagster's own pages are; links lead there.
    """

    def __init__(self, store: Store, *, dagster_url: str | None = None) -> None:
        """Remember what is served; the registry is opened when it is first asked for."""
        self.store = store
        self.dagster_url = dagster_url
        self._file = _file_of(store.registry_url)
        self._lock = Lock()
        self._opened: tuple[tuple[int, int] | None, Registry] | None = None
        self._aside: TemporaryDirectory[str] | None = None

    @property
    def registry(self) -> Registry:
        """The registry as it is now: opened again where its file is another one.

        Raises:
            RegistryError: The database cannot be reached.
        """
        with self._lock:
            found = self._identity()
            if self._opened is None or self._opened[0] != found:
                self._close_registry()
                there = self._file is None or found is not None
                url = self.store.registry_url if there else self._empty_url()
                self._opened = found, Registry(url)
            return self._opened[1]

    def close(self) -> None:
        """Close the registry."""
        with self._lock:
            self._close_registry()
            if self._aside is not None:
                self._aside.cleanup()
                self._aside = None

    def _close_registry(self) -> None:
        if self._opened is not None:
            self._opened[1].close()
            self._opened = None

    def _identity(self) -> tuple[int, int] | None:
        """Tell one file from another of the same name; `None` where there is none."""
        try:
            known = self._file.stat() if self._file else None
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RegistryError(self.store.registry_url) from error
        return (known.st_dev, known.st_ino) if known else None

    def _empty_url(self) -> str:
        if self._aside is None:
            self._aside = TemporaryDirectory(prefix="mesh-empty-")
        return f"sqlite:///{self._aside.name}/registry.sqlite"


def _file_of(url: str) -> Path | None:
    """Return the file of a SQLite registry."""
    if not url.startswith("sqlite:"):
        return None
    database = sa.make_url(url).database
    return Path(database) if database else None
