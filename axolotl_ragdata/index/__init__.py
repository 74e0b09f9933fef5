"""Passages → a LanceDB table, and the retriever over it: dense, full text, or both fused."""

from __future__ import annotations

from axolotl_ragdata.index.retriever import FUSION_VERSION, Mode, Retriever, fused
from axolotl_ragdata.index.table import Index, IndexChange, recall_at

__all__ = ["FUSION_VERSION", "Index", "IndexChange", "Mode", "Retriever", "fused", "recall_at"]
