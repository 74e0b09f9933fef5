"""Our bounds and Axolotl's exact pins: one environment holds both (`make resolve` asks the package index itself)."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib

packaging = pytest.importorskip("packaging")
from packaging.requirements import Requirement  # noqa: E402
from packaging.utils import canonicalize_name  # noqa: E402

PYPROJECT = Path(__file__).parent.parent.parent / "pyproject.toml"
# Axolotl's floor, and what its exact pins of that release name of our dependencies
FLOOR = "0.19.0"


def project() -> Any:
    if sys.version_info < (3, 11):
        pytest.skip("tomllib comes with Python 3.11")
    return tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]


def ours(*extras: str) -> list[Requirement]:
    """Return the requirements of the core and of some extras."""
    data = project()
    lines = [*data["dependencies"], *(line for extra in extras for line in data["optional-dependencies"][extra])]
    return [Requirement(line) for line in lines]


def of_axolotl() -> Iterator[Requirement]:
    """Yield what the installed Axolotl requires on this machine, its extras left out."""
    try:
        lines = requires("axolotl") or []
    except PackageNotFoundError:
        pytest.skip("axolotl is not installed")
    for line in lines:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement


def exact(requirement: Requirement) -> str | None:
    found = [part.version for part in requirement.specifier if part.operator == "==" and not part.version.endswith("*")]
    return found[0] if found else None


def test_axolotl_pins_exactly_so_that_the_next_test_can_fail() -> None:
    assert len([requirement for requirement in of_axolotl() if exact(requirement)]) >= 15


def test_every_bound_of_ours_holds_axolotls_pin() -> None:
    mine = {canonicalize_name(requirement.name): requirement for requirement in ours("llm", "train")}
    outside = [
        f"{mine[name]} excludes {name}=={pin}"
        for requirement in of_axolotl()
        if (name := canonicalize_name(requirement.name)) in mine and (pin := exact(requirement))
        if not mine[name].specifier.contains(pin, prereleases=True)
    ]
    assert not outside


def test_what_is_installed_satisfies_both() -> None:
    wanted = [*ours("llm", "train"), *of_axolotl()]
    wrong = []
    for requirement in wanted:
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            wrong.append(f"{requirement} is not installed")
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            wrong.append(f"{requirement} does not hold {installed}")
    assert not wrong


def test_the_floor_of_axolotl_is_the_tested_one() -> None:
    (train,) = [requirement for requirement in ours("train") if requirement.name == "axolotl"]
    assert train.specifier.contains(FLOOR)
    assert not train.specifier.contains("0.18.0")


def test_axolotl_and_torch_stay_out_of_the_core() -> None:
    core = {canonicalize_name(requirement.name) for requirement in ours()}
    assert not core & {"axolotl", "torch", "transformers", "peft", "accelerate", "xllamacpp", "sentence-transformers"}


def test_no_dependency_is_fetched_from_elsewhere_than_the_package_index() -> None:
    extras = project()["optional-dependencies"]
    for requirement in ours(*extras):
        assert requirement.url is None
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement.name)
