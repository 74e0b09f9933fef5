"""What tests of the plugin share: Axolotl, imported once and without its warnings."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def plugin() -> ModuleType:
    """The module `axolotl_ragdata.plugin`; skips where Axolotl is not installed."""
    if find_spec("axolotl") is None:
        pytest.skip("axolotl is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Axolotl's and its libraries' own, on import
        import axolotl.integrations.config
        import axolotl.utils.config  # noqa: F401

        import axolotl_ragdata.plugin

        return axolotl_ragdata.plugin
