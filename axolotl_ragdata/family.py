"""The recipes that the repository ships, each as a choice of the pieces in `axolotl_ragdata.template`."""

from __future__ import annotations

from dataclasses import dataclass

from axolotl_ragdata.template import GPUS, QUESTIONS, TASKS, Choice, comment, memory, recipe_text

LLM = "gpt-4o-mini"


@dataclass(frozen=True)
class Shipped:
    """A recipe of the repository.

    Args:
        title: What it is, in a phrase.
        choice: What it is written from.
        header: The comment at its head; "": made of the title and the choice.
        data: More keys of the `ragdata:` block.
        epochs: Other than the usual number.
        questions: The key `questions` of the `ragdata:` block.
    """

    title: str
    choice: Choice
    header: str = ""
    data: str = ""
    epochs: int | None = None
    questions: str = QUESTIONS


def _choice(name: str, base: str, gpu: str, task: str = "qa", packing: bool = False) -> Choice:
    return Choice(task=task, base=base, gpu=gpu, packing=packing, llm=LLM, name=name)


def _mistral(method: str, gpu: str, title: str) -> dict[str, Shipped]:
    """Return a way of tuning Mistral-7B, with rows one by one and with packed rows."""
    name = f"mistral-7b-{method}"
    packed = f"{name}-packed"
    return {
        name: Shipped(title, _choice(name, "mistral-7b", gpu)),
        packed: Shipped(
            f"{title}, with sample packing and flash-attention 2",
            _choice(packed, "mistral-7b", gpu, packing=True),
        ),
    }


QUICKSTART = """\
# The whole job on a laptop: no key, no GPU, no server. From the root of the repository:
#
#   ragdata build recipes/quickstart.yml         the dataset, from the demonstration articles beside this file
#   axolotl train recipes/quickstart.yml         builds it first if needed, then tunes SmolLM2-135M with LoRA, on a CPU
#   axolotl merge-lora recipes/quickstart.yml    adapter and base model as one model, in outputs/quickstart/merged
#
# Paths under `ragdata:` are relative to this file; Axolotl's own (output_dir, …) to where the command is started.
# Questions come from rules and answers are sentences of the articles: free, grounded, and demo-grade.
"""
DSM5 = """\
# The case study of "A New Pipeline For Generating Instruction Dataset via RAG and Self Fine-tuning"
# (arXiv 2408.05911): a psychiatric desk reference becomes question-answer pairs, Mistral-7B is tuned on them, and GPT-4
# compares it with GPT-3.5.
#
#   ragdata check recipes/dsm5.yml      both halves of this file, before anything is spent
#   ragdata build recipes/dsm5.yml      the dataset; an interrupted build goes on and pays for nothing twice
#   axolotl train recipes/dsm5.yml      builds first if needed, then fine-tunes
#   ragdata judge recipes/dsm5.yml      the table of the paper: a total for each model
#   axolotl merge-lora recipes/dsm5.yml
#
# The blocks: `sources` is what is read, `embed` what finds passages, `llm` who asks and answers, `questions` what is
# asked and how much of it, `answers` from how many passages, `filters` what a row must pass, `split` what is held out,
# `judge` who is compared with whom; everything below that is Axolotl's.
#
# What to change: `sources` (your own, licensed copy of the book, as PDF, which needs a GROBID server, or as TEI;
# nothing of it is shipped here), `llm` and `judge` (any OpenAI-compatible endpoint) and, for a card below 24 GB, the
# lines marked [memory].
#
# From the paper and its model card: the book, the base model, LoRA with r 16, micro batch 2 x accumulation 8, learning
#   rate 5e-5, 10 epochs, 60 to 100 rows a category and 2,000 in all, GPT-3.5-turbo-0125 as the baseline and GPT-4 as
#   the judge with one total a model (726 for the tuned Mistral-7B, 592 for the baseline); 2 hours on one RTX A6000.
# Our choice: everything else, among it alpha, dropout, target modules, sequence length, schedule, warm-up, validation,
#   hybrid retrieval, answers with quotes that are checked, and judging on held-out questions only.
"""
DSM5_QUESTIONS = """\
  questions:
    from: llm
    types: [definition, criteria, comparison]
    per_passage: 2
    target: 2000                      # rows in all, shared by the length of the categories …
    section_depth: 1                  # … which are the chapters; `per_section: 80` instead gives each the same
"""
DSM5_JUDGE = """\
  judge:                              # one total a model, as in the paper, with intervals beside it
    candidates:
      - {kind: adapter, name: Mistral-7B-dsm5}
      - {kind: endpoint, model: gpt-3.5-turbo-0125}
      - {kind: base, name: Mistral-7B-Instruct-v0.2}            # ours: what the tuning itself changed
      - {kind: base+retrieval, name: Mistral-7B with the book}  # ours: whether tuning was worth it
    baseline: gpt-3.5-turbo-0125
    judges: [{model: gpt-4}]
    scoring: [pointwise]
"""

SHIPPED: dict[str, Shipped] = {
    "quickstart": Shipped(
        "The whole job on a laptop",
        Choice(documents="./demo-documents/*.tei.xml", name="quickstart"),
        QUICKSTART,
    ),
    "dsm5": Shipped(
        "The case study of the paper",
        Choice(base="mistral-7b", gpu="48gb", documents="./documents/dsm5", llm=LLM, name="dsm5"),
        DSM5,
        DSM5_JUDGE,
        epochs=10,
        questions=DSM5_QUESTIONS,
    ),
    **_mistral("lora", "48gb", "Mistral-7B with LoRA on one 48 GB card"),
    **_mistral("qlora", "24gb", "Mistral-7B with QLoRA in 4 bits on one 24 GB card"),
    **_mistral("full-fsdp2", "8x80gb-fsdp2", "Every weight of Mistral-7B on eight 80 GB cards, by FSDP2"),
    **_mistral("full-zero3", "8x80gb-zero3", "Every weight of Mistral-7B on eight 80 GB cards, by DeepSpeed ZeRO-3"),
    "mistral-7b-dpo": Shipped(
        "Mistral-7B prefers grounded answers: DPO on what passed the checks against what failed them",
        _choice("mistral-7b-dpo", "mistral-7b", "48gb", "preference"),
    ),
    "mistral-7b-raft": Shipped(
        "Mistral-7B learns to read: RAFT-style rows with the passages beside the question",
        _choice("mistral-7b-raft", "mistral-7b", "48gb", "raft"),
    ),
    "mistral-7b-self": Shipped(
        "Self fine-tuning: Mistral-7B, served by vLLM, writes the rows that tune it",
        Choice(task="self", base="mistral-7b", gpu="48gb", name="mistral-7b-self"),
    ),
    "qwen3-8b-lora": Shipped("Qwen3-8B with LoRA on one 48 GB card", _choice("qwen3-8b-lora", "qwen3-8b", "48gb")),
    "qwen3-1.7b-lora": Shipped(
        "Qwen3-1.7B with LoRA on one 24 GB card", _choice("qwen3-1.7b-lora", "qwen3-1.7b", "24gb")
    ),
}


def file_names() -> list[str]:
    """Return the names of the files in `recipes/`."""
    return [f"{name}.yml" for name in SHIPPED]


def shipped_text(name: str) -> str:
    """Return the text of a shipped recipe."""
    one = SHIPPED[name]
    return recipe_text(one.choice, _head(name, one), one.data, one.epochs, one.questions)


def _head(name: str, one: Shipped) -> str:
    if one.header:
        return one.header + _memory(one.choice)
    choice, path = one.choice, f"recipes/{name}.yml"
    command = f"ragdata init --task {choice.task} --base {choice.base} --gpu {choice.card}"
    command += " --packing" if choice.packing else ""
    command += f" --llm {choice.llm}" if choice.llm else ""
    lines = [*_commands(choice, path)]
    width = max(len(run) for run, _ in lines)
    shown = "".join(f"#   {run:<{width}}   {what}\n" for run, what in lines)
    return (
        f"{comment(one.title + '.')}#\n{shown}#\n"
        + comment(
            f"What to change: `sources`, `llm`, and for a smaller card the lines marked [memory]. {_notes(choice)}"
        )
        + comment(f"Task: {TASKS[choice.task]}. Method: {GPUS[choice.card]}.")
        + _memory(choice)
        + comment(f"The settings are our choice. `{command}` writes the same for your own documents.")
    )


def _memory(choice: Choice) -> str:
    return comment(f"Memory (our estimate): {memory(choice)}.")


def _commands(choice: Choice, path: str) -> list[tuple[str, str]]:
    launch = f"axolotl preprocess {path}"
    serve = [(f"vllm serve {choice.model.model}", "the base model as an endpoint; stop it before training")]
    return [
        *(serve if choice.task == "self" else []),
        (f"ragdata check {path}", "both halves of this file, before anything is spent"),
        (f"ragdata build {path}", "the dataset; an interrupted build goes on and pays for nothing twice"),
        *([(launch, "tokenises once, before eight processes start")] if choice.card.startswith("8x") else []),
        (f"axolotl train {path}", "builds first if needed, then fine-tunes"),
    ]


def _notes(choice: Choice) -> str:
    if choice.task == "preference":
        return (
            "Two answers are asked for each question; where one fails a check and the other passes, they are a pair. "
            "Start from a tuned adapter with `lora_model_dir:` rather than from the plain model."
        )
    if choice.task == "self":
        return "Nothing leaves the machine and no key is needed."
    return ""
