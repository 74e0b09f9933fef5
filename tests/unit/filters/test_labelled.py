"""Every deterministic filter on the labelled rows of the benchmark: what the README promises, row by row."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

PROMISED_PRECISION, PROMISED_RECALL = 0.98, 0.9


@pytest.fixture(scope="module")
def benchmark(repository: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("filters_benchmark", repository / "benchmarks" / "filters.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["filters_benchmark"] = module
    spec.loader.exec_module(module)
    return module


def test_the_set_is_large_and_has_every_defect_in_both_languages(benchmark: ModuleType) -> None:
    rows = benchmark.labelled()
    assert len(rows) >= 200
    assert sum(row.defect == "good" for row in rows) >= 80
    assert {row.defect for row in rows} == {"good", *benchmark.DEFECTS}
    french = {benchmark.DEFECTS[row.defect] for row in rows if row.passage.language == "fr" and row.defect != "good"}
    assert french == set(benchmark.NAMES)


def test_precision_and_recall_of_each_filter(benchmark: ModuleType) -> None:
    rows = benchmark.labelled()
    figures = benchmark.measured(rows, benchmark.judged(rows))
    for name, figure in figures["filters"].items():
        assert figure["planted"] >= 8, name
        assert figure["precision"] >= PROMISED_PRECISION, name
        assert figure["recall"] >= PROMISED_RECALL, name
    assert figures["defects_kept_by_all"] == 0


def test_a_filter_that_drops_everything_would_be_noticed(benchmark: ModuleType) -> None:
    rows = benchmark.labelled()
    said = dict.fromkeys(benchmark.NAMES, [benchmark.Reason("x")] * len(rows))
    assert all(figure["precision"] < 0.5 for figure in benchmark.measured(rows, said)["filters"].values())


def test_a_filter_that_drops_nothing_would_be_noticed(benchmark: ModuleType) -> None:
    rows = benchmark.labelled()
    figures = benchmark.measured(rows, dict.fromkeys(benchmark.NAMES, [None] * len(rows)))
    assert all(figure["recall"] == 0 for figure in figures["filters"].values())
    assert figures["defects_kept_by_all"] == figures["rows"] - figures["good"]
