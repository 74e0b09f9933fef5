"""What a run directory holds: tables, what each stage was paid for, and the builds that made it."""

from __future__ import annotations

from axolotl_ragdata.accounting import StageSpending, by_stage
from axolotl_ragdata.blocks import PriceBlock
from axolotl_ragdata.errors import NoDocuments
from axolotl_ragdata.history import BuildRecord, read_history
from axolotl_ragdata.recipe import Recipe
from axolotl_ragdata.records import Record, Usage
from axolotl_ragdata.store import RunDirectory


class Overview(Record):
    """A run directory at a glance; costs are in the currency of `price`, None without one."""

    folder: str
    finished_at: str | None
    dataset_id: str | None
    rows: dict[str, int]
    stages: tuple[StageSpending, ...]
    stage_costs: dict[str, float | None]
    total: Usage
    total_cost: float | None
    builds: tuple[BuildRecord, ...]
    build_costs: tuple[float | None, ...]
    journal_bytes: int


def overview(recipe: Recipe) -> Overview:
    """Return what is in the run directory of a recipe.

    Raises:
        NoDocuments: There is no run directory.
        StoreError: The journal, the history or the manifest cannot be read.
    """
    run, price = RunDirectory(recipe.output), recipe.ragdata.llm.price
    if not run.folder.is_dir():
        raise NoDocuments(str(run.folder), "there is no run directory yet", f"run `ragdata build {recipe.path}`")
    manifest = run.read_manifest() or {}
    stages = tuple(by_stage(run.journal))
    builds = tuple(read_history(run.folder))
    total = sum((stage.usage for stage in stages), Usage())
    return Overview(
        folder=str(run.folder),
        finished_at=manifest.get("finished_at"),
        dataset_id=manifest.get("dataset_id"),
        rows=dict(manifest.get("counts", {})),
        stages=stages,
        stage_costs={stage.stage: cost_of(stage.usage, price) for stage in stages},
        total=total,
        total_cost=cost_of(total, price),
        builds=builds,
        build_costs=tuple(cost_of(build.usage, price) for build in builds),
        journal_bytes=sum(path.stat().st_size for path in run.journal.glob("*.jsonl")),
    )


def cost_of(usage: Usage, price: PriceBlock | None) -> float | None:
    """Return what so many tokens cost in the currency of a price per million, None without one.

    >>> cost_of(Usage(input_tokens=1_000_000, output_tokens=500_000), PriceBlock(input=0.15, output=0.6))
    0.45
    """
    if price is None:
        return None
    return round((usage.input_tokens * price.input + usage.output_tokens * price.output) / 1e6, 6)
