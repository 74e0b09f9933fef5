"""The design's rules about imports: they point down, stages do not know each other, heavy libraries have one door."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "axolotl_ragdata"

# from the bottom up; a module may import what stands in a lower layer, or in its own where the layer says so
LAYERS: list[set[str]] = [
    {
        "errors",
        "records",
        "progress",
        "threads",
        "interruption",
        "languages",
        "lines",
        "quotes",
        "references",
        "delimiters",
        "wording",
        "entities",
        "overlap",
        "boilerplate",
        "proofs",
        "library",
        "injection",
        "page",
        "ranking",
        "shelf",
        "replacement",
        "endpoints",
    },
    {"registry", "block", "asking_blocks", "blocks"},
    {"recipe", "store", "stage", "sentences"},
    {
        "journal",
        "embedded",
        "limits",
        "structured",
        "forms",
        "transport",
        "attempts",
        "batch",
        "accounting",
        "history",
        "previous",
    },
    {"llm", "embed", "tokens", "duplicates", "guidance"},
    {
        *("readers", "passages", "index", "questions", "answers", "filters", "exports", "splits", "verdicts"),
        *("facts", "card", "examples", "places", "trace", "verify", "soundness", "base_model", "template"),
        *("chat_template", "family", "hub"),
    },
    {"engines", "grobid"},
    {"pdfs", "inquiries", "allocation", "coverage", "contexts", "lineage"},
    {"gaps", "carrying", "rounds", "decontamination"},
    {"division"},
    {"corpus", "materials", "selection", "overview"},
    {"running", "rows", "writing"},
    {"estimates"},
    {"stand_ins", "rehearsal"},
    {"freshness"},
    {"pipeline"},
    {"refiltering"},
    {"judge", "consequences", "changes"},
    {"lengths", "ranks", "retrieval_quality"},
    {"report"},
    {"training", "display", "terminal", "delivery", "summaries"},
    {"plugin"},
    {"checks"},
    {"cli"},
]
STAGES = {"readers", "passages", "index", "questions", "answers", "filters", "exports", "splits", "verdicts"}
# what stages share without being stages
SHARED = {"duplicates", "sentences"}
DOORS = {
    "openai": {"batch"},
    "uvloop": {"interruption"},
    "aiohttp": {"transport", "grobid"},
    "lxml": {"readers", "grobid"},
    "pypdf": {"grobid"},
    "lancedb": {"index"},
    "bm25s": {"index"},
    "Stemmer": {"index"},
    "pyarrow": {"index", "exports"},
    "axolotl": {"plugin"},
    "huggingface_hub": {"hub"},
    "xllamacpp": {"embedded"},
    "onnxruntime": {"embed"},
    "sentence_transformers": {"embed"},
    "llama_index": {"passages", "index", "sentences"},
    "torch": {"base_model", "plugin", "judge/local"},
    "transformers": {"base_model", "chat_template", "plugin", "judge/local"},
    "peft": {"judge/local"},
    "jinja2": {"page"},
    "matplotlib": {"page"},
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def owner(path: Path) -> str:
    """Return the part of the package that a file belongs to: `readers/grobid.py` to `readers`."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path, top_only: bool = False) -> Iterator[tuple[str, int]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "axolotl_ragdata":
                yield from ((f"axolotl_ragdata.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield node.module, node.lineno


def level(part: str) -> int:
    found = [number for number, layer in enumerate(LAYERS) if part in layer]
    assert found, f"{part} has no layer: give it one in tests/test_architecture.py and docs/design.md"
    return found[0]


def internal(path: Path) -> Iterator[tuple[str, int]]:
    for name, line in imports(path):
        parts = name.split(".")
        if parts[0] == "axolotl_ragdata" and len(parts) > 1 and not parts[1].startswith("__"):
            yield parts[1], line


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    part = owner(path)
    if part == "__init__":
        return
    for target, line in internal(path):
        if target == part or target == "RagdataPlugin":
            continue
        assert level(target) <= level(part), f"{path.name}:{line} imports {target}, which stands above {part}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_stages_do_not_import_each_other(path: Path) -> None:
    part = owner(path)
    if part not in STAGES:
        return
    others = {target for target, _ in internal(path)} & STAGES - {part}
    assert not others, f"{path.name} is a stage and imports the stages {others}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_libraries_have_one_door_and_are_imported_inside_it(path: Path) -> None:
    part = owner(path)
    at_top = {name.split(".")[0] for name, _ in imports(path, top_only=True)}
    for name, line in imports(path):
        library = name.split(".")[0]
        if library not in DOORS:
            continue
        module = str(path.relative_to(PACKAGE).with_suffix(""))
        assert {part, module} & DOORS[library], f"{path.name}:{line} imports {library}; its door is {DOORS[library]}"
        if part not in ("readers", "plugin"):
            assert library not in at_top, f"{path.name}:{line} imports {library} at the top; do it where it is used"


def test_there_is_no_cycle() -> None:
    graph: dict[str, set[str]] = {}
    for path in modules():
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        graph[name] = {
            target.removeprefix("axolotl_ragdata.")
            for target, _ in imports(path, top_only=True)
            if target.startswith("axolotl_ragdata.")
        }
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"cycle: {' -> '.join((*trail, name))}"
        if name in done:
            return
        for target in graph.get(name, ()):
            visit(target, (*trail, name))
        done.add(name)

    for name in graph:
        visit(name, ())


def test_the_command_line_imports_nothing_heavy() -> None:
    code = "import sys, axolotl_ragdata.cli; print(sorted({name.split('.')[0] for name in sys.modules}))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = set(ast.literal_eval(shown))
    heavy = {*DOORS, "numpy", "rich", "pydantic", "aiohttp", "tokenizers", "yaml"}
    assert not loaded & heavy


def test_files_stay_readable() -> None:
    long = {str(path.relative_to(PACKAGE)): count for path in modules() if (count := _lines(path)) > 420}
    assert not long, f"files that want to be two: {long}"


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())
