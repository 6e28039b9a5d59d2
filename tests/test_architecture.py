import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.conftest import REPOSITORY

STAGES = ["errors", "declare", "run", "observe", "govern", "compile", "discover", "share", "cli"]
MOST_LINES_OF_A_FILE = 300
MOST_LINES_OF_A_BODY = 40
PANDERA_READERS = [
    "mesh_dagster/declare/contract.py",
    "mesh_dagster/declare/digest.py",
    "mesh_dagster/declare/expectation.py",
    "mesh_dagster/declare/transcribe.py",
    "mesh_dagster/run/audit.py",
    "mesh_dagster/run/casts.py",
    "mesh_dagster/run/conform.py",
    "mesh_dagster/run/draft.py",
    "mesh_dagster/run/explain.py",
    "mesh_dagster/run/footers.py",
    "mesh_dagster/run/fuse.py",
    "mesh_dagster/run/native.py",
    "mesh_dagster/run/schemas.py",
    "mesh_dagster/run/whole.py",
]

Function = ast.FunctionDef | ast.AsyncFunctionDef


def parse_package(package: str) -> dict[str, ast.Module]:
    paths = sorted((REPOSITORY / package).rglob("*.py"))
    return {
        path.relative_to(REPOSITORY).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in paths
    }


PACKAGE = parse_package("mesh_dagster")
EXAMPLES = parse_package("example_domains")
SOURCES = PACKAGE | EXAMPLES


def module_of(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def part_of(module: str) -> str:
    """Return the stage or the domain, the name after the package's; empty for the package."""
    return ".".join(module.split(".")[1:2])


def top_of(name: str) -> str:
    return name.partition(".")[0]


def is_dagster(name: str) -> bool:
    return top_of(name) == "dagster" or top_of(name).startswith("dagster_")


def imports_of(tree: ast.AST) -> Iterator[str]:
    """Yield each imported module or name in full, those inside functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports_at_load(tree: ast.AST) -> Iterator[str]:
    """Yield what is imported as soon as the module is, so not what stands inside functions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from imports_of(node)
        elif not isinstance(node, Function) and not is_for_types_only(node):
            yield from imports_at_load(node)


def is_for_types_only(node: ast.AST) -> bool:
    """Say whether a block is read by type checkers and never run."""
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )


def functions_of(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def lines_of_body(function: Function) -> int:
    """Count from the first statement after the docstring to the last line."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def silent_functions_of(scope: ast.Module | ast.ClassDef) -> Iterator[str]:
    """Yield public functions and methods without a docstring; magic ones are known by name."""
    for node in scope.body:
        if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node) and not is_overload(node):
            yield node.name
        if isinstance(node, ast.ClassDef):
            yield from silent_functions_of(node)


def is_overload(node: Function | ast.ClassDef) -> bool:
    return any(ast.unparse(mark).endswith("overload") for mark in node.decorator_list)


def offenders(found: dict[str, list[str]]) -> dict[str, list[str]]:
    return {path: names for path, names in found.items() if names}


def test_a_stage_imports_only_itself_and_what_stands_left_of_it() -> None:
    def wrong(path: str, tree: ast.Module) -> list[str]:
        stage = part_of(module_of(path))
        allowed = STAGES[: STAGES.index(stage) + 1]
        names = [name for name in imports_of(tree) if top_of(name) == "mesh_dagster"]
        return [n for n in names if part_of(n) not in [*allowed, "__version__"]]

    staged = {p: tree for p, tree in PACKAGE.items() if part_of(module_of(p)) in STAGES}

    assert "mesh_dagster/run/__init__.py" in staged
    assert offenders({path: wrong(path, tree) for path, tree in staged.items()}) == {}


def test_every_module_of_the_package_belongs_to_a_stage() -> None:
    known = ["", "testing", *STAGES]

    assert [path for path in PACKAGE if part_of(module_of(path)) not in known] == []


def test_no_module_imports_itself_through_others() -> None:
    modules = {module_of(path) for path in PACKAGE} - {"mesh_dagster"}
    circle: list[str] = []
    imported = {
        module_of(path): {
            module
            for name in imports_of(tree)
            for module in (name, name.rpartition(".")[0])
            if module in modules - {module_of(path)}
        }
        for path, tree in PACKAGE.items()
    }

    try:
        TopologicalSorter(imported).prepare()
    except CycleError as error:
        circle = error.args[1]

    assert circle == []


def test_dagster_is_imported_where_it_is_wired_and_inside_commands_only() -> None:
    def wrong(path: str, tree: ast.Module) -> list[str]:
        stage = part_of(module_of(path))
        names = imports_at_load(tree) if stage == "cli" else imports_of(tree)
        return [n for n in names if is_dagster(n) and stage not in ("compile", "testing")]

    assert offenders({path: wrong(path, tree) for path, tree in PACKAGE.items()}) == {}


def test_an_example_imports_dagster_in_its_declarations_only() -> None:
    plain = {
        path: tree
        for path, tree in EXAMPLES.items()
        if Path(path).name not in ("products.py", "definitions.py")
    }

    found = {path: [n for n in imports_of(tree) if is_dagster(n)] for path, tree in plain.items()}

    assert found
    assert offenders(found) == {}


def test_a_domain_imports_no_other_domain() -> None:
    domains = {part_of(module_of(p)) for p in EXAMPLES if Path(p).name == "products.py"}

    def wrong(path: str, tree: ast.Module) -> list[str]:
        others = domains - {part_of(module_of(path))}
        names = [name for name in imports_of(tree) if top_of(name) == "example_domains"]
        return [name for name in names if part_of(name) in others]

    assert domains
    assert offenders({path: wrong(path, tree) for path, tree in EXAMPLES.items()}) == {}


def test_pandera_is_known_to_the_contract_and_the_audit_only() -> None:
    others = {path: tree for path, tree in PACKAGE.items() if path not in PANDERA_READERS}

    found = {p: [n for n in imports_of(t) if top_of(n) == "pandera"] for p, t in others.items()}

    assert offenders(found) == {}


def test_no_file_is_longer_than_one_idea_needs() -> None:
    lines = {path: len((REPOSITORY / path).read_text("utf-8").splitlines()) for path in SOURCES}

    assert {path: count for path, count in lines.items() if count > MOST_LINES_OF_A_FILE} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    lengths = {
        f"{path}:{function.name}": lines_of_body(function)
        for path, tree in SOURCES.items()
        for function in functions_of(tree)
    }

    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES_OF_A_BODY} == {}


def test_every_module_says_what_it_is_for() -> None:
    assert [path for path, tree in SOURCES.items() if not ast.get_docstring(tree)] == []


def test_every_public_name_says_what_it_is_for() -> None:
    found = {path: list(silent_functions_of(tree)) for path, tree in SOURCES.items()}

    assert offenders(found) == {}
