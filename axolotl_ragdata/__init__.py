"""Documents in, instruction data with citations out, a fine-tuned model at the end: a plugin for Axolotl."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"
__all__ = ["RagdataPlugin", "__version__"]


def __getattr__(name: str) -> Any:
    """Return `RagdataPlugin`; Axolotl is imported only when it is asked for."""
    if name == "RagdataPlugin":
        from axolotl_ragdata.plugin import RagdataPlugin

        return RagdataPlugin
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
