"""Models that answer on this machine: base, adapter or merged, batched by length; the only door to torch here."""

from __future__ import annotations

import gc
import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from axolotl_ragdata.errors import RecipeError
from axolotl_ragdata.records import Message
from axolotl_ragdata.store import sha256_of

SCORED_TOKENS = 2048
"""Tokens whose scores over the whole vocabulary are held at once; a quarter of a million words times this many fit."""
LONG_START = 256
"""Tokens of a prompt from which it is computed once for all answers that are scored after it."""
WEIGHTS = ("*.safetensors", "*.bin", "adapter_config.json", "config.json", "tokenizer*", "chat_template*")
Turns = tuple[Message, ...]


@dataclass(frozen=True)
class Weights:
    """A model on this machine: a folder or a name on the hub, an adapter on it or none, and what identifies both."""

    base: str
    adapter: Path | None
    identity: str


@dataclass(frozen=True)
class Generated:
    """What a model wrote; `ended` is False where it was cut at the longest length."""

    text: str
    input_tokens: int
    output_tokens: int
    ended: bool


@dataclass(frozen=True)
class TooLong:
    """A prompt that does not fit into the model's context, in tokens."""

    tokens: int
    most: int


def weights_of(base: str, adapter: Path | None) -> Weights:
    """Return a model's weights with an identity that follows from their bytes (of a name on the hub: from its commit).

    Raises:
        StoreError: A file of them cannot be read.
        RecipeError: The base model is neither a folder nor known to the hub.
    """
    parts = [folder_identity(Path(base)) if Path(base).is_dir() else _hub_identity(base)]
    if adapter is not None:
        parts.append(folder_identity(adapter))
    return Weights(base, adapter, "+".join(parts))


def folder_identity(folder: Path) -> str:
    """Return 16 hexadecimal digits that follow from the weights, configuration and tokenizer in a folder."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in WEIGHTS for path in folder.glob(pattern) if path.is_file()}):
        digest.update(f"{path.name} {sha256_of(path)}\n".encode())
    return digest.hexdigest()[:16]


def _hub_identity(name: str) -> str:
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(name)
    except (OSError, ValueError) as problem:
        raise _not_loaded(name, problem) from None
    return f"{name}@{getattr(config, '_commit_hash', None) or 'unknown'}"


def _not_loaded(name: str, problem: Exception) -> RecipeError:
    first = next((line for line in str(problem).splitlines() if line.strip()), type(problem).__name__)
    return RecipeError(name, f"the model cannot be loaded: {first[:300]}", "correct `base_model`, or fetch it first")


class LocalModel:
    """A causal language model with its chat template. `notes` hold what was decided on loading.

    Args:
        weights: What to load.
        batch_tokens: Most tokens computed at once, padding and room for the answer included; halved where the memory
            does not hold them.
        dtype: float32, bfloat16, float16, or auto: bfloat16 where the hardware computes in it. There what a batch holds
            shows in the last digits.

    Raises:
        RecipeError: The model cannot be loaded, or the adapter does not fit it.
    """

    def __init__(self, weights: Weights, batch_tokens: int, dtype: str = "auto") -> None:
        import torch
        from transformers import AutoModelForCausalLM

        self.notes: list[str] = []
        self._stopped = threading.Event()
        self._torch = torch
        _quiet()
        if "OMP_NUM_THREADS" not in os.environ:
            # a thread a core waits for the slowest: on two busy cores 64 steps took 153 s with two, 16 s with one
            torch.set_num_threads(max(1, _cores() // 2))
        self._batch_tokens = batch_tokens
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self._model: Any = AutoModelForCausalLM.from_pretrained(
                weights.base, dtype=self._dtype(dtype), attn_implementation=self._attention()
            )
        except (OSError, ValueError) as problem:
            raise _not_loaded(weights.base, problem) from None
        if weights.adapter is not None:
            self._model = _with_adapter(self._model, weights)
        self._model.to(self._device).eval()
        self._tokenizer = self._open_tokenizer(weights)
        self._most = int(getattr(self._model.config, "max_position_embeddings", 0) or 1 << 30)

    def stop(self) -> None:
        """End the batch that another thread is at; what it wrote of it is lost."""
        self._stopped.set()

    def close(self) -> None:
        """Free the memory."""
        self._model = None
        gc.collect()
        if self._device == "cuda":
            self._torch.cuda.empty_cache()

    def generate(
        self, prompts: Sequence[Turns], max_tokens: int, temperature: float, seed: int
    ) -> Iterator[tuple[int, Generated | TooLong]]:
        """Yield (index of the prompt, what was written), the longest prompts first, a batch at a time.

        Args:
            prompts: Turns that end with the user's.
            max_tokens: Longest answer.
            temperature: 0: the likeliest token each time.
            seed: Of sampling; a batch's own seed follows from it and from its first prompt.
        """
        encoded = [self._tokenizer.encode(self._render(turns), add_special_tokens=False) for turns in prompts]
        for at, tokens in enumerate(encoded):
            if len(tokens) + max_tokens > self._most:
                yield at, TooLong(len(tokens), self._most - max_tokens)
        fitting = [at for at, tokens in enumerate(encoded) if len(tokens) + max_tokens <= self._most]
        lengths = {at: len(encoded[at]) + max_tokens for at in fitting}
        for batch in self._until_stopped(batches(lengths, self._batch_tokens)):
            self._torch.manual_seed(seed + sum(encoded[batch[0]]))
            yield from self._halved(batch, lambda part: self._written(part, encoded, max_tokens, temperature))

    def log_likelihoods(self, pairs: Sequence[tuple[Turns, str]]) -> Iterator[tuple[int, tuple[float, int] | TooLong]]:
        """Yield (index of the pair, (sum of log p over the answer's tokens in nats, their number)).

        The conversation is rendered by the chat template with the answer in its place, and the tokens that hold a
        character of the answer are counted: neither the prompt's nor the mark of the turn's end.

        Args:
            pairs: Turns that end with the user's, and the answer.
        """
        encoded = [self._placed(turns, answer) for turns, answer in pairs]
        for at, (tokens, _) in enumerate(encoded):
            if len(tokens) > self._most:
                yield at, TooLong(len(tokens), self._most)
        fitting = [at for at, (tokens, _) in enumerate(encoded) if len(tokens) <= self._most]
        shared = _same_starts(fitting, encoded)
        for group in self._until_stopped(iter(shared)):
            yield from self._scored_after(group, encoded)
        done = {at for group in shared for at in group}
        lengths = {at: len(encoded[at][0]) for at in fitting if at not in done}
        for batch in self._until_stopped(batches(lengths, min(SCORED_TOKENS, self._batch_tokens))):
            yield from self._halved(batch, lambda part: self._scored(part, encoded))

    def _until_stopped(self, source: Iterator[list[int]]) -> Iterator[list[int]]:
        for batch in source:
            if self._stopped.is_set():
                return
            yield batch

    def _dtype(self, name: str) -> Any:
        if name != "auto":
            return getattr(self._torch, name)
        if self._device == "cpu":
            # four times as fast as float32 with AVX512-BF16 or AMX, many times slower without
            return self._torch.bfloat16 if has_bfloat16() else self._torch.float32
        return self._torch.bfloat16 if self._torch.cuda.is_bf16_supported() else self._torch.float16

    def _attention(self) -> str:
        from transformers.utils import is_flash_attn_2_available

        # it needs compute capability 8.0, an Ampere card
        if self._device == "cuda" and is_flash_attn_2_available() and self._torch.cuda.get_device_capability()[0] >= 8:
            self.notes.append("flash-attention 2")
            return "flash_attention_2"
        return "sdpa"

    def _open_tokenizer(self, weights: Weights) -> Any:
        from transformers import AutoTokenizer

        # Axolotl saves the tokenizer that it trained with, template included, beside the adapter
        folders = [str(weights.adapter)] if weights.adapter and (weights.adapter / "tokenizer.json").exists() else []
        tokenizer = AutoTokenizer.from_pretrained([*folders, weights.base][0])
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        if not tokenizer.chat_template:
            self.notes.append("no chat template: asked in plain text, 'Question: …' and 'Answer:'")
        return tokenizer

    def _render(self, turns: Turns) -> str:
        if not self._tokenizer.chat_template:
            start = self._tokenizer.bos_token or ""
            return start + "\n\n".join(_plain(turn) for turn in turns) + "\n\nAnswer:"
        return str(
            self._tokenizer.apply_chat_template(
                [turn.model_dump() for turn in turns], tokenize=False, add_generation_prompt=True
            )
        )

    def _placed(self, turns: Turns, answer: str) -> tuple[list[int], int]:
        """Return the tokens of prompt and answer, and how many of the last are the answer's."""
        prompt = self._render(turns)
        answer = answer.strip()
        if self._tokenizer.chat_template:
            spoken = [*(turn.model_dump() for turn in turns), {"role": "assistant", "content": answer}]
            full = str(self._tokenizer.apply_chat_template(spoken, tokenize=False))
        else:
            full = f"{prompt} {answer}"
        start = full.rfind(answer)
        if start < 0:  # a template that changes what the assistant says
            full, start = prompt + answer, len(prompt)
        full = full[: start + len(answer)]
        found = self._tokenizer(full, add_special_tokens=False, return_offsets_mapping=True)
        own = sum(end > start for _, end in found["offset_mapping"])
        return list(found["input_ids"]), own

    def _halved(self, batch: list[int], work: Any) -> Iterator[Any]:
        try:
            done = list(work(batch))
        except self._torch.OutOfMemoryError:
            if len(batch) == 1:
                raise
            done = None
        if done is not None:
            yield from done
            return
        self._torch.cuda.empty_cache()
        self._batch_tokens = max(1, self._batch_tokens // 2)
        for part in (batch[: len(batch) // 2], batch[len(batch) // 2 :]):
            yield from self._halved(part, work)

    def _written(
        self, batch: Sequence[int], encoded: Sequence[list[int]], max_tokens: int, temperature: float
    ) -> Iterator[tuple[int, Generated]]:
        from transformers import GenerationConfig

        ends = self._ends()
        sampling = {"do_sample": True, "temperature": temperature} if temperature else {"do_sample": False}
        config = GenerationConfig(
            max_new_tokens=max_tokens, eos_token_id=ends, pad_token_id=self._tokenizer.pad_token_id, **sampling
        )
        tokens, mask = self._padded([encoded[at] for at in batch], left=True)
        with self._torch.inference_mode():
            made = self._model.generate(
                input_ids=tokens,
                attention_mask=mask,
                generation_config=config,
                stopping_criteria=[lambda ids, _scores: self._torch.full(ids.shape[:1], self._stopped.is_set())],
            )
        if self._stopped.is_set():
            return
        for at, row in zip(batch, made[:, tokens.shape[1] :].tolist(), strict=True):
            stop = next((number for number, token in enumerate(row) if token in ends), None)
            text = self._tokenizer.decode(row[:stop], skip_special_tokens=True).strip()
            count = len(row) if stop is None else stop + 1
            yield at, Generated(text, len(encoded[at]), count, stop is not None)

    def _ends(self) -> list[int]:
        stated = self._model.generation_config.eos_token_id
        ends = {self._tokenizer.eos_token_id, *(stated if isinstance(stated, list) else [stated])}
        return sorted(end for end in ends if end is not None)

    def _scored(
        self, batch: Sequence[int], encoded: Sequence[tuple[list[int], int]]
    ) -> Iterator[tuple[int, tuple[float, int]]]:
        tokens, mask = self._padded([encoded[at][0] for at in batch], left=False)
        with self._torch.inference_mode():
            logits = self._model(input_ids=tokens, attention_mask=mask).logits
        for row, at in enumerate(batch):
            length, own = len(encoded[at][0]), encoded[at][1]
            # a first token has nothing before it
            first = max(1, length - own)
            yield at, (self._sum(logits[row], tokens[row], first, length), length - first)

    def _scored_after(
        self, group: Sequence[int], encoded: Sequence[tuple[list[int], int]]
    ) -> Iterator[tuple[int, tuple[float, int]]]:
        """Score answers that follow one long start, which is computed once."""
        rows = [encoded[at][0] for at in group]
        # the last shared token is scored with each answer: its logits are of the answer's first
        start = min(len(tokens) - own for tokens, own in (encoded[at] for at in group)) - 1
        tokens, mask = self._padded([row[start:] for row in rows], left=False)
        before = self._torch.tensor([rows[0][:start]], device=self._device)
        seen = self._torch.ones((len(rows), start), dtype=mask.dtype, device=self._device)
        with self._torch.inference_mode():
            cache = self._model(input_ids=before, use_cache=True, logits_to_keep=1).past_key_values
            cache.batch_repeat_interleave(len(rows))
            mask = self._torch.cat([seen, mask], dim=1)
            logits = self._model(input_ids=tokens, attention_mask=mask, past_key_values=cache).logits
        for row, at in enumerate(group):
            length, own = len(encoded[at][0]) - start, encoded[at][1]
            yield at, (self._sum(logits[row], tokens[row], length - own, length), own)

    def _sum(self, logits: Any, tokens: Any, first: int, length: int) -> float:
        """Return the log-likelihood of the tokens from `first` to `length`; the logits at a place are of the next."""
        log_p = self._torch.log_softmax(logits[first - 1 : length - 1].float(), dim=-1)
        return float(log_p.gather(1, tokens[first:length, None]).sum().item())

    def _padded(self, rows: Sequence[list[int]], left: bool) -> tuple[Any, Any]:
        longest = max(map(len, rows))
        pad = self._tokenizer.pad_token_id
        gaps = [[pad] * (longest - len(row)) for row in rows]
        tokens = [gap + row if left else row + gap for row, gap in zip(rows, gaps, strict=True)]
        ones = [[1] * len(row) for row in rows]
        zeros = [[0] * len(gap) for gap in gaps]
        mask = [none + one if left else one + none for one, none in zip(ones, zeros, strict=True)]
        return tuple(self._torch.tensor(each, device=self._device) for each in (tokens, mask))


def batches(lengths: dict[int, int], most: int) -> Iterator[list[int]]:
    """Yield the keys in batches of like lengths, longest first, so that length times rows stays within `most`.

    >>> list(batches({0: 5, 1: 9, 2: 4, 3: 5}, 10))
    [[1], [0, 3], [2]]
    """
    batch: list[int] = []
    for at in sorted(lengths, key=lambda at: (-lengths[at], at)):
        if batch and lengths[batch[0]] * (len(batch) + 1) > most:
            yield batch
            batch = []
        batch.append(at)
    if batch:
        yield batch


def _same_starts(fitting: Sequence[int], encoded: Sequence[tuple[list[int], int]]) -> list[list[int]]:
    """Return the groups of two and more rows whose answers follow the same long start."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for at in fitting:
        tokens, own = encoded[at]
        if len(tokens) - own > LONG_START:
            groups.setdefault(tuple(tokens[: len(tokens) - own]), []).append(at)
    return [group for group in groups.values() if len(group) > 1]


def _quiet() -> None:
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()


def _plain(turn: Message) -> str:
    prefix = {"user": "Question: ", "assistant": "Answer: ", "system": ""}[turn.role]
    return f"{prefix}{turn.content}"


def _with_adapter(model: Any, weights: Weights) -> Any:
    from peft import PeftModel

    try:
        return PeftModel.from_pretrained(model, str(weights.adapter))
    except (RuntimeError, ValueError, OSError) as problem:
        first = next((line for line in str(problem).splitlines() if line.strip()), type(problem).__name__)
        what = f"the adapter does not fit {weights.base}: {first.strip()[:300]}"
        raise RecipeError(str(weights.adapter), what, "name the adapter that was trained on this base model") from None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_bfloat16() -> bool:
    """Return whether the CPU has instructions for bfloat16; private names of torch, asked for with care."""
    import torch

    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, name, lambda: False)()) for name in asked)
