"""`base_model: embedded`: the packaged SmolLM2-135M-Instruct as a Hugging Face folder that can be trained and saved."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from axolotl_ragdata.embedded import MODELS, model_path, models_folder
from axolotl_ragdata.errors import ModelFileError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

EMBEDDED = "embedded"
ORIGIN = "HuggingFaceTB/SmolLM2-135M-Instruct"
GGUF = "smollm2-gguf"
CONTROL_TOKEN = 3  # GGUF's number for tokens that are never text
# in the folder's name: raise it when the preparation changes
PREPARATION = 1


def base_model_folder() -> Path:
    """Return where the prepared model is, or will be: one folder for each GGUF and way of preparing it."""
    return models_folder() / f"smollm2-135m-instruct-{MODELS[GGUF].sha256[:8]}-{PREPARATION}"


def prepare_base_model() -> Path:
    """Return the folder of the prepared model; it is made on first use, by one process while others wait.

    The weights are the GGUF's 4-bit weights written out in bfloat16. The folder is renamed into place as a whole.

    Raises:
        ModelFileError: The GGUF cannot be had or has the wrong hash, what reads it is not installed, or the folder
            cannot be written.
    """
    folder = base_model_folder()
    if folder.exists():
        return folder
    if missing := [name for name in ("gguf", "torch", "transformers") if find_spec(name) is None]:
        fix = "pip install 'axolotl-ragdata[train]'"
        raise ModelFileError("base_model: embedded", f"needs {', '.join(missing)}, which is not installed", fix)
    gguf = model_path(GGUF)
    with _explained(folder), _locked(folder):
        if not folder.exists():
            print(f"preparing {ORIGIN} in {folder} (once)", file=sys.stderr)  # noqa: T201
            _make(gguf, folder)
    return folder


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        fix = "free some space, or name another folder in RAGDATA_CACHE"
        raise ModelFileError(str(folder), f"cannot be written: {problem.strerror or problem}", fix) from None


def _locked(folder: Path) -> Any:
    from filelock import FileLock

    folder.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(folder.with_name(f".{folder.name}.lock"))


def _make(gguf: Path, folder: Path) -> None:
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        write_model(gguf, beside)
        build_tokenizer(gguf).save_pretrained(beside)
        beside.chmod(0o755)
        beside.replace(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def write_model(gguf: Path, folder: Path) -> None:
    """Write a GGUF's weights as a Hugging Face model in bfloat16.

    A model that transformers read from a GGUF refuses to be saved, so its weights move into a fresh one.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    read = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16)
    config = AutoConfig.from_pretrained(gguf.parent, gguf_file=gguf.name)
    # newer releases of transformers note there that the weights came quantized, and then refuse to train them
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config.name_or_path = ORIGIN
    fresh = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    fresh.load_state_dict(read.state_dict())
    fresh.generation_config.update(bos_token_id=1, eos_token_id=2, pad_token_id=2)
    fresh.save_pretrained(folder)


def build_tokenizer(gguf: Path) -> PreTrainedTokenizerBase:
    """Return the GGUF's tokenizer with its chat template; it cuts text as llama.cpp does.

    transformers' own conversion loses the rule that digits stand alone, and takes `<|im_start|>` for the end.
    """
    from transformers import PreTrainedTokenizerFast

    stored = _stored(gguf)
    token = stored["tokenizer.ggml.tokens"]
    return PreTrainedTokenizerFast(
        tokenizer_object=_byte_level(stored),
        bos_token=token[stored["tokenizer.ggml.bos_token_id"]],
        eos_token=token[stored["tokenizer.ggml.eos_token_id"]],
        pad_token=token[stored["tokenizer.ggml.padding_token_id"]],
        unk_token=token[stored["tokenizer.ggml.unknown_token_id"]],
        chat_template=stored["tokenizer.chat_template"],
        model_max_length=stored["llama.context_length"],
    )


def _byte_level(stored: Mapping[str, Any]) -> Any:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    tokens = stored["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in stored["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocab={text: number for number, text in enumerate(tokens)}, merges=merges))
    digits = pre_tokenizers.Digits(individual_digits=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    kinds = zip(tokens, stored["tokenizer.ggml.token_type"], strict=True)
    control = [text for text, kind in kinds if kind == CONTROL_TOKEN]
    tokenizer.add_special_tokens([AddedToken(text, normalized=False, special=True) for text in control])
    return tokenizer


def _stored(gguf: Path) -> dict[str, Any]:
    from gguf import GGUFReader

    fields = GGUFReader(gguf).fields
    return {name: field.contents() for name, field in fields.items() if name.startswith(("tokenizer.", "llama."))}
