import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import Final

import attrs
from twisted.trial.unittest import SynchronousTestCase

import codexd
import tests

POSITIONAL_LIMIT: Final = 4


def _modules(package: ModuleType) -> list[ModuleType]:
    # A `__main__` is a program: it runs when it is imported.
    names = [module.name for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    return [package, *(importlib.import_module(name) for name in names if not name.endswith("__main__"))]


def _records(module: ModuleType) -> list[type]:
    found = [kind for _, kind in inspect.getmembers(module, inspect.isclass) if attrs.has(kind)]
    return [kind for kind in found if kind.__module__ == module.__name__]


def _positional_fields(record: type) -> list[str]:
    fields = [field for field in attrs.fields(record) if field.init]
    if len(fields) <= POSITIONAL_LIMIT:
        return []
    return [field.name for field in fields if not field.kw_only]


class RecordTests(SynchronousTestCase):
    def test_records_of_more_than_four_fields_are_built_by_keyword(self) -> None:
        records = [record for package in (codexd, tests) for module in _modules(package) for record in _records(module)]
        self.assertGreater(len(records), 200)
        built_by_position = {
            f"{record.__module__}.{record.__qualname__}": positional
            for record in records
            if (positional := _positional_fields(record))
        }
        self.assertEqual(built_by_position, {})
