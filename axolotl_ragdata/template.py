"""The recipes: what `ragdata init` writes, and what the folder `recipes/` of the repository is written from.

A recipe is put together from pieces that stand here once: what is asked for (`TASKS`), the model (`BASES`), the cards
that it trains on (`GPUS`), and whether rows are packed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from textwrap import wrap

from axolotl_ragdata.errors import RecipeError
from axolotl_ragdata.registry import nearest_fix

EMBEDDED = "embedded"
WIDTH = 116


@dataclass(frozen=True)
class Base:
    """A base model: its name on the hub, billions of weights, and the class of its layers."""

    model: str
    billions: float
    layer: str = ""


BASES = {
    EMBEDDED: Base(EMBEDDED, 0.135),
    "mistral-7b": Base("mistralai/Mistral-7B-Instruct-v0.2", 7.24, "MistralDecoderLayer"),
    "qwen3-8b": Base("Qwen/Qwen3-8B", 8.19, "Qwen3DecoderLayer"),
    "qwen3-1.7b": Base("Qwen/Qwen3-1.7B", 1.72, "Qwen3DecoderLayer"),
}
TASKS = {
    "qa": "questions and answers, closed book",
    "raft": "questions with the passages beside them, some of them distractors, some without the right one",
    "preference": "DPO: answers that passed every check against answers that failed one",
    "self": "questions and answers that the base model itself writes, served by vLLM",
    "pretrain": "continued pretraining on the passages",
}
GPUS = {
    "cpu": "LoRA in 32 bits",
    "24gb": "QLoRA, 4 bits (LoRA for a model below 3 billion weights)",
    "48gb": "LoRA, 16 bits",
    "8x80gb-fsdp2": "every weight, sharded over eight cards by FSDP2",
    "8x80gb-zero3": "every weight, sharded over eight cards by DeepSpeed ZeRO-3",
}


@dataclass(frozen=True)
class Choice:
    """What a recipe is for.

    Args:
        task: One of `TASKS`.
        base: One of `BASES`, or a model's name on the hub.
        gpu: One of `GPUS`; None: `cpu` for the embedded model, `48gb` for others.
        packing: Rows are packed to full sequences; needs flash-attention 2.
        documents: File, folder or glob of the documents.
        llm: The chat model that asks and answers; None: rules ask and answers are extracted.
        base_url: Its endpoint; None: OPENAI_BASE_URL, or OpenAI itself.
        name: Of the run directory and the outputs.
    """

    task: str = "qa"
    base: str = EMBEDDED
    gpu: str | None = None
    packing: bool = False
    documents: str = "./documents"
    llm: str | None = None
    base_url: str | None = None
    name: str = "dataset"

    @property
    def model(self) -> Base:
        """The base model; of one that is not known by name, taken for seven billion weights."""
        return BASES.get(self.base, Base(self.base, 7.0))

    @property
    def card(self) -> str:
        """The key of `GPUS`."""
        return self.gpu or ("cpu" if self.base == EMBEDDED else "48gb")


HEADER = """\
# One file for everything: `ragdata build`, `axolotl train` and `ragdata verify` read it.
# What stands outside `ragdata:` belongs to Axolotl. Check both halves with `ragdata check`.
"""

RULES = """\
  embed: {model: embedded}            # runs here, no key; or a model at `base_url`
  questions: {from: structure, types: [definition, criteria, comparison, mechanism, numeric, table, heading]}  # free
  answers: {mode: extractive, top_k: 5}                               # sentences of the documents
"""
CHAT = """\
  embed: {{model: embedded}}            # runs here, no key; or a model at `base_url`
  llm:
    model: {model}
{base_url}\
    concurrency: 64                   # most calls at once; the key comes from OPENAI_API_KEY
    # price: {{input: 0.15, output: 0.60}}    # per million tokens, in your currency …
    # max_cost: 20.0                          # … then a build stops before it costs more
{questions}  answers: {{mode: generative, top_k: 5, search: hybrid{answers}}}
"""
QUESTIONS = "  questions: {from: llm, types: [definition, criteria, comparison], per_passage: 2}\n"
RAFT = """\
    context: gold+distractors         # the passages that answer the question, and others that do not
    distractors: 3
    without_gold: 0.2                 # in a fifth of the rows only the others, as when retrieval misses
"""
FILTERS = """\
  filters:
    - use: prompt_leak                # nothing of the prompt, no small talk
    - use: injection                  # no passage that gives a model orders had a hand in it
    - use: refusal                    # no "I cannot", no "the text does not say"
    - use: length                     # words of question and answer; nothing that breaks off
    - use: language                   # the row's language is the document's
    - use: self_contained             # no "the passage", "the study": a reader has none
    - use: answer_in_question         # the question does not give its answer away
    - use: grounded                   # every quote in its source, every number in the evidence
    - use: near_duplicate             # the same question in other words
"""

LORA = """\
adapter: lora
lora_r: 16
lora_alpha: 32
lora_dropout: 0.05
lora_target_linear: true
"""
QLORA = LORA.replace("adapter: lora", "adapter: qlora\nload_in_4bit: true")
FSDP2 = """\
fsdp_version: 2                       # no adapter: every weight is trained
fsdp_config:
  auto_wrap_policy: TRANSFORMER_BASED_WRAP
{layer}\
  state_dict_type: FULL_STATE_DICT
  reshard_after_forward: true
  cpu_ram_efficient_loading: true
  activation_checkpointing: true
  offload_params: false               # [memory] true: weights wait in the host's memory
"""
ZERO3 = """\
deepspeed:                            # no adapter: every weight is trained; pip install 'axolotl[deepspeed]'
  zero_optimization:
    stage: 3
    overlap_comm: true
    contiguous_gradients: true
    stage3_gather_16bit_weights_on_model_save: true
    # offload_optimizer: {device: cpu}        # [memory] the optimizer's state waits in the host's memory
  bf16: {enabled: true}
  gradient_accumulation_steps: auto
  gradient_clipping: auto
  train_batch_size: auto
  train_micro_batch_size_per_gpu: auto
"""
SCHEDULE = """\
optimizer: {optimizer}
lr_scheduler: cosine
learning_rate: {rate}
warmup_ratio: 0.03
weight_decay: 0.0
seed: 42
"""
PACKED = """\
sample_packing: true                  # rows share a sequence without seeing each other
eval_sample_packing: false
attn_implementation: flash_attention_2        # pip install 'axolotl-ragdata[flash-attn]'
"""
LOOSE = """\
attn_implementation: sdpa             # flash_attention_2 with `pip install 'axolotl-ragdata[flash-attn]'`
"""
GPU_END = """\
logging_steps: 5
eval_strategy: epoch
save_strategy: epoch
save_total_limit: 2
"""
CPU = """\
micro_batch_size: 4
gradient_accumulation_steps: 1
num_epochs: {epochs}
optimizer: adamw_torch
lr_scheduler: cosine
learning_rate: 0.0005
warmup_steps: 3
weight_decay: 0.0
seed: 42
logging_steps: 1
save_strategy: epoch
eval_strategy: epoch

# A CPU has no tensor cores and none of Axolotl's fused kernels, which would switch themselves on. `bfloat16: true`
# halves the time where the CPU computes in bf16 (lscpu: avx512_bf16, amx_bf16) and is many times slower elsewhere.
bf16: false
attn_implementation: sdpa
gradient_checkpointing: false
lora_mlp_kernel: false
lora_qkv_kernel: false
lora_o_kernel: false
lora_embedding_kernel: false
"""
DPO = """\
rl: dpo
rl_beta: 0.1
"""


def recipe_text(
    choice: Choice, header: str = HEADER, data: str = "", epochs: int | None = None, questions: str = QUESTIONS
) -> str:
    """Return the text of a recipe.

    Args:
        choice: What it is for.
        header: The comment at its head.
        data: More keys of the `ragdata:` block, indented.
        epochs: Other than the usual number.
        questions: The key `questions` where a chat model asks, indented.

    Raises:
        RecipeError: There is no such task or card, or they do not go together.
    """
    _check(choice)
    return f"{header}\n{_model(choice)}\n{_data(choice, questions)}{data}\n{_training(choice, epochs)}"


def _check(choice: Choice) -> None:
    for option, value, known in (("--task", choice.task, TASKS), ("--gpu", choice.card, GPUS)):
        if value not in known:
            raise RecipeError(option, f"unknown {value!r}", nearest_fix(value, known))
    if choice.task == "preference" and choice.llm is None:
        what = f"{choice.task!r} ({TASKS[choice.task]}) needs a chat model"
        raise RecipeError("--task", what, "name one with --llm, and its endpoint with --base-url")
    if choice.task == "self" and choice.base == EMBEDDED:
        raise RecipeError("--task", "'self' needs a model that vLLM serves", "name one with --base, such as mistral-7b")
    if choice.packing and (choice.task == "preference" or choice.card == "cpu"):
        what = "packing does not go with DPO or a CPU"
        raise RecipeError("--packing", what, "leave it out")


def _model(choice: Choice) -> str:
    note = "                  # SmolLM2-135M-Instruct, prepared on first use; trains on a CPU"
    name = f"{EMBEDDED}{note}" if choice.base == EMBEDDED else _quoted(choice.model.model)
    return f"base_model: {name}\nplugins: [axolotl_ragdata.RagdataPlugin]\n"


def _data(choice: Choice, questions: str) -> str:
    return (
        "ragdata:\n"
        f"  output: ./data/{choice.name}{_pad(f'  output: ./data/{choice.name}')}"
        "# the run directory; paths are relative to this file\n"
        "  sources:\n"
        f"    - path: {_quoted(choice.documents)}{_pad(f'    - path: {_quoted(choice.documents)}')}"
        "# a file, a folder or a glob: PDF (by GROBID), TEI, S2ORC JSON, Markdown, text\n"
        f"{_asking(choice, questions)}{FILTERS}"
        "  split: {validation: 0.05, test_seen: 0.05, test_unseen: 0.05, unseen_by: section}\n"
        f"{_export(choice)}"
    )


def _asking(choice: Choice, questions: str) -> str:
    if choice.task == "self":
        served = choice.base_url or "http://localhost:8000/v1"
        return _chat(choice.model.model, served, questions, "")
    if choice.llm is None:
        return RULES
    extra = {"preference": ", samples: 2"}.get(choice.task, "")
    return _chat(choice.llm, choice.base_url, questions, extra)


def _chat(model: str, base_url: str | None, questions: str, answers: str) -> str:
    url = f"    base_url: {_quoted(base_url)}\n" if base_url else ""
    return CHAT.format(model=_quoted(model), base_url=url, questions=questions, answers=answers)


def _export(choice: Choice) -> str:
    if choice.task == "raft":
        return f"  export:\n    format: messages\n{RAFT}"
    name = {"preference": "preference", "pretrain": "completion"}.get(choice.task, "messages")
    return f"  export: {{format: {name}}}\n"


def _training(choice: Choice, epochs: int | None) -> str:
    out = f"./outputs/{choice.name}"
    paths = (
        f"output_dir: {out}{_pad(f'output_dir: {out}')}# Axolotl's paths are relative to where it is started\n"
        f"dataset_prepared_path: {out}-prepared\n"
    )
    if choice.card == "cpu":
        body = f"sequence_len: 512\n\n{LORA.replace('0.05', '0.0')}\n{CPU.format(epochs=epochs or 1)}"
        return _without_evaluation(choice, f"{paths}{body}")
    batch, accumulation = _batch(choice)
    body = (
        f"{DPO if choice.task == 'preference' else ''}{_method(choice)}\n"
        f"sequence_len: {4096 if choice.packing or choice.task == 'raft' else 2048}\n"
        f"micro_batch_size: {batch}                   # [memory] 1, with more gradient_accumulation_steps\n"
        f"gradient_accumulation_steps: {accumulation}\n"
        f"num_epochs: {epochs or _epochs(choice)}\n"
        f"{SCHEDULE.format(optimizer=_optimizer(choice), rate=_rate(choice))}\n"
        f"bf16: {'true' if _full(choice) else 'auto'}\n"
        f"{'' if choice.card == '8x80gb-fsdp2' else 'gradient_checkpointing: true' + chr(10)}"
        f"{PACKED if choice.packing else LOOSE}{GPU_END}"
    )
    return _without_evaluation(choice, f"{paths}\n{body}")


def _without_evaluation(choice: Choice, text: str) -> str:
    # passages have no validation split: Axolotl refuses a schedule for what it does not have
    return text.replace("eval_strategy: epoch\n", "") if choice.task == "pretrain" else text


def _full(choice: Choice) -> bool:
    return choice.card.startswith("8x80gb")


def _method(choice: Choice) -> str:
    layer = choice.model.layer
    named = f"  transformer_layer_cls_to_wrap: {layer}\n" if layer else ""
    if choice.card == "24gb":
        return LORA if choice.model.billions < 3 else QLORA
    return {"8x80gb-fsdp2": FSDP2.format(layer=named), "8x80gb-zero3": ZERO3}.get(choice.card, LORA)


def _batch(choice: Choice) -> tuple[int, int]:
    if _full(choice):
        return 2, 1
    # packed sequences are full ones: fewer of them hold as many rows
    return (1, 4) if choice.packing else (2, 8)


def _epochs(choice: Choice) -> int:
    return 1 if choice.task in ("preference", "pretrain") else 3


def _optimizer(choice: Choice) -> str:
    return "paged_adamw_8bit" if choice.card == "24gb" and choice.model.billions >= 3 else "adamw_torch_fused"


def _rate(choice: Choice) -> str:
    if choice.task == "preference":
        return "0.000005"
    return "0.00001" if _full(choice) else "0.00005"


def memory(choice: Choice) -> str:
    """Return what the cards need, as an estimate in words."""
    size = choice.model.billions
    if choice.card == "cpu":
        return "3 GB of main memory"
    if _full(choice):
        # weights, gradients and two moments: 2 bytes each, or with 32-bit moments and master weights 16 bytes in all
        share, state = (1.0, "16-bit") if choice.card == "8x80gb-fsdp2" else (2.0, "32-bit")
        return f"on each card {share * size:.1f} GB of weights, gradients and {state} optimizer state, and activations"
    if "qlora" in _method(choice):
        return f"{0.6 * size:.1f} GB of 4-bit weights, 1 GB of adapter and optimizer, 3 to 8 GB of activations"
    return f"{2 * size:.1f} GB of 16-bit weights, 1 GB of adapter and optimizer, 2 to 8 GB of activations"


def comment(text: str) -> str:
    r"""Return a paragraph as comment lines.

    >>> comment("Two words")
    '# Two words\n'
    """
    return "".join(f"# {line}\n" for line in wrap(text, WIDTH - 2))


def _pad(text: str) -> str:
    return " " * max(1, 38 - len(text))


def _quoted(text: str) -> str:
    # a JSON string is a YAML string, whatever characters it holds
    return text if text.replace("/", "").replace(".", "").replace("-", "").isalnum() else json.dumps(text)
