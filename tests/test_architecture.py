"""The laws of the house that no linter knows. docs/architecture.md explains them; pyproject.toml has those of
import-linter."""

import ast
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("control", "media", "realtime")
TREES = ("weir", *ROOMS)
MOST_MODULES = 15

PUBLIC = {
    "control.accounts": {"caller", "mail", "service"},
    "control.apps": set(),
    "control.followers": set(),
    "control.inbound": set(),
    "control.integrations": set(),
    "control.overlays": set(),
    "control.playback": {"models", "watch_sessions"},
    "control.streams": set(),
    "control.usage": {"broadcasts", "ledger", "models", "publish_minutes"},
    "media.live": set(),
    "media.posters": set(),
    "media.recordings": {"finalizer", "models", "recording_files", "service", "store", "tracks"},
    "media.uploads": set(),
    "realtime.app_events": set(),
    "realtime.chat": set(),
    "realtime.places": set(),
}
"""What other packages of the same room may import of a capability. The composition root and top-level modules
may import more. All other packages (ffmpeg, hls, protocol, log …) are libraries of their room: every
module of theirs is public in it."""

API_MODELS = ("answers", "api", "operator_api", "models", "event_schemas", "messages", "place_models")
"""Modules whose classes are schemas of OpenAPI or AsyncAPI: there a name is the name of a thing on the wire."""


def modules() -> Iterator[tuple[str, Path]]:
    for tree in TREES:
        for path in sorted((ROOT / tree).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield name.removesuffix(".__init__"), path


MODULES = dict(modules())
PARSED = {name: ast.parse(path.read_text()) for name, path in MODULES.items()}


def packages() -> dict[str, list[str]]:
    """Names of the modules in each package; packages below it are not counted."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, path in MODULES.items():
        if path.name != "__init__.py":
            found[name.rpartition(".")[0]].append(name)
    return found


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*TREES, cache_dir=None)


def test_no_package_is_a_crowd() -> None:
    assert {package: len(names) for package, names in packages().items() if len(names) > MOST_MODULES} == {}


def test_every_package_says_what_it_is() -> None:
    """What it does, who calls it, what it promises: some lines in its `__init__`."""
    for package in packages():
        text = ast.get_docstring(PARSED[package]) or ""
        least = 3 if package.count(".") else 1
        assert len(text.splitlines()) >= least, package


def test_only_composition_roots_see_all_services() -> None:
    """A constructor elsewhere names each thing that it uses, so its signature says what the class can do."""
    roots = {f"{room}.composition" for room in ROOMS} | {"control.webhooks.composition"}
    using = {
        name
        for name, tree in PARSED.items()
        if name.partition(".")[0] in ROOMS
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and any(one.name == "Services" for one in node.names)
    }
    assert using <= roots, using - roots


def test_no_public_class_has_the_name_of_another() -> None:
    where: dict[str, list[str]] = defaultdict(list)
    for module, tree in PARSED.items():
        if module.rpartition(".")[2] in API_MODELS or module == "weir.foundation.events":
            continue
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                where[node.name].append(module)
    assert {name: homes for name, homes in where.items() if len(homes) > 1} == {}


def test_capabilities_import_of_each_other_only_what_is_declared(graph: grimp.ImportGraph) -> None:
    used: dict[str, set[str]] = {package: set() for package in PUBLIC}
    for importer in graph.modules:
        for imported in graph.find_modules_directly_imported_by(importer):
            package = imported.rpartition(".")[0]
            if (
                package in PUBLIC
                and importer.count(".") > 1
                and not importer.startswith((package + ".", "weir."))
            ):
                used[package].add(imported.rpartition(".")[2])
    assert used == PUBLIC


def test_no_door_reads_the_store_of_another_capability(graph: grimp.ImportGraph) -> None:
    for importer in graph.modules:
        if importer.endswith(".api"):
            for imported in graph.find_modules_directly_imported_by(importer):
                if imported.endswith(".store"):
                    assert imported.rpartition(".")[0] == importer.rpartition(".")[0], (importer, imported)


def test_every_event_of_the_bus_is_published_and_heard() -> None:
    """Each class that is no base of others is named outside of the catalogue of events."""
    tree = PARSED["weir.foundation.events"]
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    bases = {ast.unparse(base) for node in classes for base in node.bases}
    leaves = {node.name for node in classes} - bases
    named: set[str] = set()
    for module, parsed in PARSED.items():
        if module != "weir.foundation.events":
            named |= {node.id for node in ast.walk(parsed) if isinstance(node, ast.Name)}
            named |= {node.attr for node in ast.walk(parsed) if isinstance(node, ast.Attribute)}
    assert leaves - named == set()


def texts() -> Iterator[tuple[str, str]]:
    """Everything that people read: documentation, configuration, and the comments and docstrings of the code."""
    for path in chain(
        ROOT.glob("*.md"), ROOT.glob("docs/**/*.md"), [ROOT / "pyproject.toml", ROOT / "Makefile"]
    ):
        yield str(path.relative_to(ROOT)), path.read_text()
    for name, path in MODULES.items():
        yield name, path.read_text()


def prose_of(module: str) -> str:
    """Comments and texts that stand alone: docstrings, and the text after a constant."""
    tokens = tokenize.generate_tokens(io.StringIO(MODULES[module].read_text()).readline)
    alone = (
        node.value
        for node in ast.walk(PARSED[module])
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )
    return "\n".join(
        (
            *(token.string for token in tokens if token.type == tokenize.COMMENT),
            *(str(node.value) for node in alone),
        )
    )


FILE = re.compile(
    r"(?<![\w/.-])((?:control|media|realtime|weir|tests|bench|docs|nginx-rtmp)/[\w/-]+\.(?:py|lua|md|mjs|template|c|sh))\b"
)
README_ROW = re.compile(r"\| \[([\w/-]+)/\]")
README_FILE = re.compile(r"`([\w-]+(?:/[\w-]+)*(?:/|\.(?:py|lua|md|mjs|template|c|sh)))`")
MODULE = re.compile(
    r"(?<![\w/.@-])((?:control|media|realtime|weir)(?:\.[a-z_]\w*)+)(?:\.([A-Z]\w*))?(?![\w/(-])"
)
FILES = ("weir.db", "weir.toml")
EVENT_TYPES = {
    node.value
    for node in ast.walk(PARSED["weir.foundation.events"])
    if isinstance(node, ast.Constant) and isinstance(node.value, str)
}


def test_files_that_are_named_exist() -> None:
    missing = {
        (where, name)
        for where, text in texts()
        for name in FILE.findall(text)
        if "NAME" not in name and not (ROOT / name).exists()
    }
    assert missing == set()


def test_files_that_the_readme_names_exist() -> None:
    """A row of its table begins with a folder; the names in the row are in that folder."""
    named = []
    for line in (ROOT / "README.md").read_text().splitlines():
        row = README_ROW.match(line)
        named += [(row[1] if row else ".", name) for name in README_FILE.findall(line)]
    assert len(named) > 15
    assert [f"{folder}/{name}" for folder, name in named if not (ROOT / folder / name).exists()] == []


def test_modules_that_are_named_in_prose_exist() -> None:
    missing = set()
    for where, text in texts():
        for name, thing in MODULE.findall(prose_of(where) if where in MODULES else text):
            if name in MODULES or name in EVENT_TYPES or name in FILES:
                known = name in MODULES
            else:  # a name inside a module
                home, _, last = name.rpartition(".")
                known = home in MODULES and re.search(rf"\b{last}\b", MODULES[home].read_text()) is not None
                if not known:
                    missing.add((where, name))
            if (
                known
                and thing
                and name in MODULES
                and not re.search(rf"\bclass {thing}\b|\b{thing}\b", MODULES[name].read_text())
            ):
                missing.add((where, f"{name}.{thing}"))
    assert missing == set()


def test_tests_that_the_documentation_names_exist() -> None:
    """In docs/internals each fault names the test that shows it."""
    known = set(
        re.findall(r"def (test_\w+)", "\n".join(path.read_text() for path in ROOT.glob("tests/**/*.py")))
    )
    known |= {path.stem for path in ROOT.glob("tests/**/*.py")}
    named = set(
        re.findall(r"`(test_\w+)`", "\n".join(path.read_text() for path in ROOT.glob("docs/internals/*.md")))
    )
    assert len(named) > 30
    assert named - known == set()


def test_programs_that_are_run_by_their_module_s_name_exist() -> None:
    """`python -m NAME` in benchmarks, tests and the Makefile, as words or as arguments."""
    named = re.compile(r"(?:-m |\"-m\", \")((?:bench|tests|weir)(?:\.\w+)*)")
    files = [ROOT / "Makefile", *ROOT.glob("bench/**/*.py"), *ROOT.glob("tests/**/*.py")]
    for path in files:
        for name in named.findall(path.read_text()):
            home = ROOT / name.replace(".", "/")
            assert home.with_suffix(".py").exists() or (home / "__main__.py").exists(), (path.name, name)
