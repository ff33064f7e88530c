"""Arrows point one way: who imports whom, read from the source without running it."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "isthmus"
MOST_LINES = 400

LAYERS = [
    "errors typing version history machine placing progress device tensors seeds verbs systems facts layout source "
    "batch atomic joint_gaussian",
    "distributions part_language parts",
    "binning binned_units conditional scaling corruption redrawn term sparsity data rows trackers folder frames "
    "subsets yardstick look",
    "posterior prior likelihood binned mixed value networks stochastic_layers flows hyperspherical poincare implicit",
    "model",
    "divergence judge aggregated",
    "penalty",
    "objective bounds",
    "training",
    "any_order given blocks fitted completion metrics memory monitor quantised late_priors stacked rejection",
    "fitting",
    "estimators",
    "recipes supervised",
    "card persistence files spooling datasets labels",
    "detection completing",
    "pace diagnosis report measured study compare",
    "reproductions",
    "isthmus",
    "cli",
]
"""The layers from the ground up. A module imports from layers below its own, and from its own without a cycle; the last
two are the composition root and the command line, which may import from everywhere."""


def _name(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {_name(path): path for path in sorted(SOURCE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}


def _of_typing(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _nodes(tree: ast.AST, *, into_functions: bool):
    """Yield (node, whether it is inside a function), leaving out what is there for type checkers alone."""
    waiting = [(tree, False)]
    while waiting:
        node, inside = waiting.pop()
        yield node, inside
        if _of_typing(node):
            waiting += [(child, inside) for child in node.orelse]
            continue
        function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if function and not into_functions:
            continue
        waiting += [(child, inside or function) for child in ast.iter_child_nodes(node)]


def _imported(name: str, node: ast.AST) -> list[tuple[str, str | None]]:
    """Return (module of isthmus, name taken from it or None) for an import statement."""
    if isinstance(node, ast.Import):
        return [(alias.name, None) for alias in node.names if alias.name.partition(".")[0] == "isthmus"]
    if not isinstance(node, ast.ImportFrom):
        return []
    package = name if FILES[name].name == "__init__.py" else name.rpartition(".")[0]
    for _ in range(max(0, node.level - 1)):
        package = package.rpartition(".")[0]
    base = f"{package}.{node.module}" if node.level and node.module else package if node.level else node.module or ""
    if base.partition(".")[0] != "isthmus":
        return []
    taken: list[tuple[str, str | None]] = []
    for alias in node.names:
        whole = f"{base}.{alias.name}"
        taken.append((whole, None) if whole in FILES else (base, alias.name))
    return taken


def _imports(name: str, *, into_functions: bool = False) -> set[str]:
    nodes = _nodes(TREES[name], into_functions=into_functions)
    return {module for node, _ in nodes for module, _ in _imported(name, node)} - {name}


def _top(name: str) -> str:
    """Return the module or package directly below isthmus."""
    return name if name == "isthmus" else name.split(".")[1]


def test_no_cycle_between_modules():
    """A package's ``__init__`` counts as a module: what it imports from its own modules must not import it back."""
    graph = {name: {m for m in _imports(name) if not name.startswith(f"{m}.")} for name in FILES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"modules import each other in a circle: {' → '.join(error.args[1])}")


def test_every_module_has_a_layer():
    written = [name for layer in LAYERS for name in layer.split()]
    assert len(written) == len(set(written))
    assert {_top(name) for name in FILES} <= set(written)


def test_imports_point_downwards():
    layer = {name: i for i, names in enumerate(LAYERS) for name in names.split()}
    wrong = []
    for name in FILES:
        if _top(name) in ("isthmus", "cli"):
            continue
        for module in _imports(name, into_functions=True):
            upwards = layer[_top(module)] > layer[_top(name)]
            if upwards and _top(module) != "isthmus":
                wrong.append(f"{name} imports {module}")
    assert not wrong


def test_estimators_import_nothing_that_is_built_on_them():
    above = {"persistence", "memory", "metrics", "report", "diagnosis", "compare", "cli", "files"}
    for name in FILES:
        if _top(name) == "estimators":
            assert not {_top(m) for m in _imports(name, into_functions=True)} & above, name


def test_only_the_root_and_the_command_line_import_the_estimators():
    may = {"isthmus", "cli", "estimators", "measured", "compare", "report", "diagnosis", "persistence"}
    may |= {"recipes", "supervised", "reproductions"}
    for name in FILES:
        if _top(name) not in may:
            assert "estimators" not in {_top(m) for m in _imports(name, into_functions=True)}, name


def _private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def test_no_private_name_crosses_modules():
    """Neither imported, nor read off a module or another class's object that is imported from elsewhere."""
    wrong = []
    for name in FILES:
        own = {n.name for n, _ in _nodes(TREES[name], into_functions=True) if hasattr(n, "name")}
        modules = set()
        for node, _ in _nodes(TREES[name], into_functions=True):
            for module, taken in _imported(name, node):
                last = taken or module.rpartition(".")[2]
                if _private(last):
                    wrong.append(f"{name} imports {last}")
            if isinstance(node, ast.ImportFrom | ast.Import) and _imported(name, node):
                modules |= {alias.asname or alias.name for alias in node.names}
        for node, _ in _nodes(TREES[name], into_functions=True):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and _private(node.attr):
                reaches = node.value.id in modules
                if reaches and node.attr not in own:
                    wrong.append(f"{name} reads {node.value.id}.{node.attr}")
    assert not wrong


def test_no_import_of_our_own_inside_a_function():
    wrong = [
        f"{name} imports {module}"
        for name in FILES
        if _top(name) not in ("isthmus", "cli")
        for node, inside in _nodes(TREES[name], into_functions=True)
        if inside
        for module, _ in _imported(name, node)
    ]
    assert not wrong


def test_no_file_is_long():
    long = {name: len(path.read_text().splitlines()) for name, path in FILES.items()}
    assert {name: lines for name, lines in long.items() if lines > MOST_LINES} == {}
