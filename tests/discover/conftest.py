from tests.observe.conftest import registry

__all__ = ["registry"]
