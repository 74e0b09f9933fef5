"""Environments of the tools that cannot share ours; see `make latest` and `make llamafactory`.

    python scripts/other_tools.py axolotl-latest .venv-axolotl-latest        prepare it, once
    python scripts/other_tools.py llamafactory .venv-llamafactory

The newest Axolotl wants Python 3.12 and packages that a check of schemas and tokens never touches: its own metadata is
read, what needs a GPU, a cloud or a user interface is left out, and the rest is installed at the pinned versions.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Sequence
from email import message_from_bytes
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parent.parent
AXOLOTL = "0.21.0"
LLAMAFACTORY = "0.9.5"
TORCH = "2.13.0"
TORCHAUDIO = "2.11.0"
# of Axolotl: a GPU's, a cloud's, a server's, or another evaluation's
UNUSED = {
    *("triton", "xformers", "liger-kernel", "fla-core", "flash-linear-attention", "optimum", "kernels-curated"),
    *("s3fs", "gcsfs", "adlfs", "ocifs", "hf-xet", "hf-transfer", "gradio", "art", "openenv-core"),
    *("lm-eval", "langdetect", "immutabledict", "antlr4-python3-runtime", "typing-extensions"),
}
# what loading a dataset and reading a training file take of LLaMA-Factory, at the versions that its metadata allows
LLAMAFACTORY_NEEDS = [
    *("transformers==5.6.0", "datasets==4.0.0", "accelerate==1.11.0", "peft==0.18.1", "trl==0.24.0", "av<=16.0.0"),
    *(
        "omegaconf",
        "einops",
        "sentencepiece",
        "tiktoken",
        "protobuf",
        "pyyaml",
        "scipy",
        "pandas",
        "tyro<0.9.0",
        "fire",
    ),
]


def main() -> None:
    """Prepare the environment that is named, unless it is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool", choices=["axolotl-latest", "llamafactory"])
    parser.add_argument("folder", type=Path)
    wanted = parser.parse_args()
    mark = wanted.folder / f".{_version()}"
    if mark.exists():
        return
    if not (wanted.folder / "bin" / "python").exists():
        venv.create(wanted.folder, with_pip=True)
    pip = [str(wanted.folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    (install_axolotl if wanted.tool == "axolotl-latest" else install_llamafactory)(pip)
    mark.touch()


def _version() -> str:
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]


def install_axolotl(pip: Sequence[str]) -> None:
    """Install Axolotl without what it does not need here, then this package with its tests' tools."""
    with tempfile.TemporaryDirectory() as folder:
        _run(
            [
                *pip[:3],
                "download",
                "--quiet",
                "--no-deps",
                "--ignore-requires-python",
                "--dest",
                folder,
                f"axolotl=={AXOLOTL}",
            ]
        )
        (wheel,) = Path(folder).glob("axolotl-*.whl")
        needs = _needs(wheel)
        _run([*pip, f"torch=={TORCH}", *needs])
        _run([*pip, "--no-deps", "--ignore-requires-python", str(wheel)])
    _run([*pip, f"torch=={TORCH}", *needs, "-e", str(REPOSITORY), "gguf", *_tests_need()])


def _needs(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = message_from_bytes(archive.read(name))
    environment = {**{key: str(value) for key, value in default_environment().items()}, "extra": ""}
    found = [Requirement(line) for line in metadata.get_all("Requires-Dist", [])]
    return [
        f"{need.name}{need.specifier}"
        for need in found
        if need.name.lower().replace("_", "-") not in {*UNUSED, "torch"}
        and (need.marker is None or need.marker.evaluate(environment))
    ]


def _tests_need() -> list[str]:
    return ["pytest~=9.2.0", "pytest-socket~=0.8.1", "pytest-timeout~=2.4.0", "pytest-cov~=7.1.0", "hypothesis>=6.110"]


def install_llamafactory(pip: Sequence[str]) -> None:
    """Install LLaMA-Factory without its user interface and its server."""
    _run([*pip, f"torch=={TORCH}", *LLAMAFACTORY_NEEDS])
    _run([*pip, "--no-deps", f"llamafactory=={LLAMAFACTORY}", f"torchaudio=={TORCHAUDIO}"])
    # it is imported, and never used for text; its libraries want a GPU's, and it does without them
    for library in Path(pip[0]).parent.parent.glob("lib/python*/site-packages/torchaudio/lib/*.so"):
        library.unlink()


def _run(command: Sequence[str]) -> None:
    print(" ".join(command[:12]), "…" if len(command) > 12 else "", file=sys.stderr, flush=True)
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
