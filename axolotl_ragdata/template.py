"""The recipe that `ragdata init` writes."""

from __future__ import annotations

import json

HEADER = """\
# One file for everything: `ragdata build`, `axolotl train` and `ragdata verify` read it.
# What stands outside `ragdata:` belongs to Axolotl. Check both halves with `ragdata check`.
"""

DATA = """
ragdata:
  output: ./data/{name}               # the run directory; paths are relative to this file
  sources:
    - path: {documents}               # a file, a folder or a glob: GROBID TEI, S2ORC JSON, Markdown, text
{model}\
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
  split: {{validation: 0.05, test_seen: 0.05, test_unseen: 0.05}}
  export: {{format: messages}}
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
    concurrency: 16                   # most calls at once; the key comes from OPENAI_API_KEY
    # price: {{input: 0.15, output: 0.60}}    # per million tokens, in your currency …
    # max_cost: 20.0                          # … then a build stops before it costs more
  questions: {{from: llm, types: [definition, criteria, comparison], per_passage: 2}}
  answers: {{mode: generative, top_k: 5}}
"""

SMALL_MODEL = """
base_model: embedded                  # SmolLM2-135M-Instruct, prepared on first use; trains on a CPU
"""

CPU = """\
adapter: lora
lora_r: 16
lora_alpha: 32
lora_target_linear: true
sequence_len: 512
micro_batch_size: 4
gradient_accumulation_steps: 1
num_epochs: 1
optimizer: adamw_torch
lr_scheduler: cosine
learning_rate: 0.0005
bf16: false
attn_implementation: sdpa
lora_mlp_kernel: false
lora_qkv_kernel: false
lora_o_kernel: false
lora_embedding_kernel: false
logging_steps: 1
"""

GPU = """\
adapter: lora
lora_r: 16
lora_alpha: 32
lora_dropout: 0.05
lora_target_linear: true
sequence_len: 2048
micro_batch_size: 2
gradient_accumulation_steps: 8
num_epochs: 3
optimizer: adamw_torch
lr_scheduler: cosine
learning_rate: 0.00005
warmup_ratio: 0.05
bf16: auto
gradient_checkpointing: true
attn_implementation: sdpa
logging_steps: 5
"""


def recipe_text(
    documents: str, base_model: str | None = None, llm_model: str | None = None, base_url: str | None = None
) -> str:
    """Return the text of a new recipe.

    Args:
        documents: File, folder or glob of the documents.
        base_model: The model to fine-tune; None: the embedded SmolLM2-135M with settings for a CPU.
        llm_model: The chat model that asks and answers; None: rules ask and answers are extracted.
        base_url: Its endpoint; None: OPENAI_BASE_URL, or OpenAI itself.
    """
    training = _training(base_model)
    data = DATA.format(name="dataset", documents=_quoted(documents), model=_model(llm_model, base_url))
    return f"{HEADER}{training}{data}"


def _training(base_model: str | None) -> str:
    base = SMALL_MODEL if base_model is None else f"\nbase_model: {_quoted(base_model)}\n"
    plugin = "plugins: [axolotl_ragdata.RagdataPlugin]\noutput_dir: ./outputs\n"
    return f"{base}{plugin}{CPU if base_model is None else GPU}"


def _model(llm_model: str | None, base_url: str | None) -> str:
    if llm_model is None:
        return RULES
    url = f"    base_url: {_quoted(base_url)}\n" if base_url else ""
    return CHAT.format(model=_quoted(llm_model), base_url=url)


def _quoted(text: str) -> str:
    # a JSON string is a YAML string, whatever characters it holds
    return text if text.replace("/", "").replace(".", "").replace("-", "").isalnum() else json.dumps(text)
