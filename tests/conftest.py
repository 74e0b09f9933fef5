"""What every test stands on: no network beyond loopback, and the shared inputs where they are."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).parent.parent
SHARED_DATA = REPOSITORY.parent / "shared" / "data"

collect_ignore_glob = ["servers/*"]  # servers run by the tests, some by another environment's Python: no tests in them

os.environ.setdefault("AXOLOTL_DO_NOT_TRACK", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("COLUMNS", "120")
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # whoever starts the tests in the background makes every process that they start deaf to interrupts
    signal.signal(signal.SIGINT, signal.default_int_handler)
for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "GROBID_URL"):
    os.environ.pop(name, None)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real inputs beside the repository; skips where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("../shared/data is not here")
    return SHARED_DATA


def load_module(name: str, path: Path) -> ModuleType:
    """Return a module of the tests that is no package: a server, a script."""
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def batch_server(model_server: ModuleType) -> ModuleType:
    """The module of the loopback endpoint with batches, `tests/servers/batch.py`."""
    return load_module("ragdata_batch_server", Path(__file__).parent / "servers" / "batch.py")


@pytest.fixture(scope="session")
def model_server() -> ModuleType:
    """The module of the loopback chat endpoint, `tests/servers/model.py`."""
    return load_module("ragdata_model_server", Path(__file__).parent / "servers" / "model.py")


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


@pytest.fixture(scope="session")
def grobid_server() -> ModuleType:
    """The module of the loopback GROBID server, `tests/servers/grobid.py`."""
    return load_module("ragdata_grobid_server", Path(__file__).parent / "servers" / "grobid.py")
