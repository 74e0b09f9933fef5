"""What the rows of a finished run must show whoever wrote them: each yields '' for what holds, else what does not."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from axolotl_ragdata.records import Example, Passage


def groups_together(examples: Sequence[Example]) -> Iterator[str]:
    """Yield '' for a fact, in all its phrasings, that is in one split only."""
    homes: dict[str, set[str]] = defaultdict(set)
    for example in examples:
        homes[example.group or example.id].add(example.split)
    for group, splits in homes.items():
        yield "" if len(splits) == 1 else f"{group} is in {' and '.join(sorted(splits))}"


def within_quota(examples: Sequence[Example], passages: Sequence[Passage], asked: Mapping[str, Any]) -> Iterator[str]:
    """Yield '' for the whole, or a section, that has no more rows than were asked for.

    Args:
        examples: Every row.
        passages: Every passage.
        asked: `questions` of the recipe that the run was built from.
    """
    target, each, depth = asked.get("target"), asked.get("per_section"), asked.get("section_depth")
    if target is not None:
        yield "" if len(examples) <= target else f"{len(examples)} rows, {target} were asked for"
    if each is None:
        return
    by_id = {passage.id: passage for passage in passages}
    known = [by_id[key] for row in examples for key in row.provenance.passage_ids[:1] if key in by_id]
    for section, count in Counter((one.doc_id, *one.section_path[:depth]) for one in known).items():
        yield "" if count <= each else f"{' / '.join(section)} has {count} rows, {each} were asked for"
