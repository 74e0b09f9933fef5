"""The blocks under `ragdata:` as they are typed: every key with its default, its range and what it is for."""

from __future__ import annotations

from itertools import combinations
from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from axolotl_ragdata.asking_blocks import AnswersBlock as AnswersBlock
from axolotl_ragdata.asking_blocks import QuestionsBlock as QuestionsBlock
from axolotl_ragdata.block import Block as Block


class SourceBlock(Block):
    """Where documents come from."""

    path: str = Field(description="a file, a folder or a glob, relative to the recipe")
    reader: str | None = Field(None, description="grobid, s2orc or text; chosen by content when left out")


class GrobidBlock(Block):
    """The GROBID server that parses PDFs; without a PDF among the sources none is needed."""

    url: str | None = Field(None, description="where it is; else GROBID_URL, else http://localhost:8070")
    concurrency: int = Field(10, ge=1, le=1024, description="most requests at once; fewer while the server is busy")
    timeout_s: float = Field(300.0, gt=0, description="seconds after which a request counts as hung")
    part_pages: int = Field(60, ge=1, description="a longer PDF is cut along its bookmarks, else by pages, and joined")


class PassagesBlock(Block):
    """How documents are cut into passages."""

    max_tokens: int = Field(384, ge=32, le=8192, description="longest passage, in tokens of `tokenizer`")
    overlap: int = Field(48, ge=0, description="tokens that two neighbouring passages share, in whole sentences")
    tokenizer: str = Field("embedded", description="embedded, a tokenizer.json, or a Hugging Face model name")

    @model_validator(mode="after")
    def _overlap_is_smaller(self) -> PassagesBlock:
        if self.overlap >= self.max_tokens:
            raise ValueError(f"overlap {self.overlap} must be smaller than max_tokens {self.max_tokens}")
        return self


class EmbedBlock(Block):
    """What turns text into vectors."""

    model: str = Field("embedded", description="embedded, sentence-transformers/<name>, or the name at `base_url`")
    base_url: str | None = Field(None, description="an OpenAI-compatible endpoint, ending in /v1")
    api_key_env: str = Field("OPENAI_API_KEY", description="the environment variable that holds the endpoint's key")
    batch_size: int = Field(32, ge=1, le=2048, description="texts in one call")
    dimensions: int | None = Field(None, ge=1, description="asked of an endpoint that can shorten its vectors")


class PriceBlock(Block):
    """Prices in one currency per million tokens."""

    input: float = Field(ge=0, description="per million tokens in")
    output: float = Field(ge=0, description="per million tokens out")


class BatchBlock(Block):
    """How the Batch API is used."""

    max_requests: int = Field(50_000, ge=1, le=50_000, description="most requests in one batch")
    max_bytes: int = Field(190_000_000, ge=10_000, description="most bytes in one batch's file")
    quiet_s: float = Field(2.0, gt=0, le=600, description="seconds without a new request after which a batch is sent")
    poll_s: float = Field(30.0, gt=0, le=3600, description="seconds between two looks at a batch")


class LlmBlock(Block):
    """The chat model that asks and answers."""

    mode: Literal["live", "batch"] = Field("live", description="batch: the Batch API, half the price, within a day")
    batch: BatchBlock = Field(default_factory=lambda: BatchBlock(), description="how the Batch API is used")

    model: str = Field("embedded", description="embedded, or the model's name at `base_url`")
    base_url: str | None = Field(None, description="an OpenAI-compatible endpoint, ending in /v1; else OPENAI_BASE_URL")
    api_key_env: str = Field("OPENAI_API_KEY", description="the environment variable that holds the endpoint's key")
    concurrency: int = Field(16, ge=1, le=4096, description="most calls in flight at once")
    timeout_s: float = Field(120.0, gt=0, description="seconds after which a call counts as hung")
    max_attempts: int = Field(5, ge=1, le=20, description="tries of one call")
    patience_s: float = Field(
        120.0, ge=0, description="seconds that an endpoint which has answered may be down before the run ends"
    )
    requests_per_minute: float | None = Field(
        None, gt=0, description="most calls a minute; null: as the endpoint allows"
    )
    tokens_per_minute: float | None = Field(
        None, gt=0, description="most tokens a minute; null: as the endpoint allows"
    )
    temperature: float | None = Field(0.7, ge=0, le=2, description="null: not sent")
    seed: int | None = Field(42, description="null: not sent")
    price: PriceBlock | None = Field(None, description="without it tokens are reported and no cost is invented")
    max_cost: float | None = Field(None, gt=0, description="hard cap on what a build may spend; needs `price`")
    max_tokens_total: int | None = Field(None, gt=0, description="hard cap on tokens in and out")

    @model_validator(mode="after")
    def _cost_needs_a_price(self) -> LlmBlock:
        if self.max_cost is not None and self.price is None:
            raise ValueError("max_cost needs price: {input: …, output: …} beside it")
        return self


FILTERS = (
    *("prompt_leak", "injection", "refusal", "length", "language", "self_contained", "answer_in_question"),
    *("grounded", "near_duplicate"),
)
"""The filters of a recipe that names none: all that cost nothing, the cheapest first."""
CRITERIA = ("answerable", "faithful", "relevant", "standalone", "round_trip")
"""Filters over a chat model's verdicts: they cost a call a row, a round trip two."""


class FilterUse(Block):
    """One filter and its settings."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)
    use: str = Field(description="the filter's name")

    @property
    def settings(self) -> dict[str, Any]:
        """The keys beside `use`."""
        return dict(self.__pydantic_extra__ or {})


class SplitBlock(Block):
    """Shares of the rows that are held out."""

    validation: float = Field(0.05, ge=0, lt=1, description="share that Axolotl evaluates on while it trains")
    test_seen: float = Field(0.05, ge=0, lt=1, description="share of new questions about passages that are trained on")
    test_unseen: float = Field(0.05, ge=0, lt=1, description="share in whole sections or documents kept out")
    unseen_by: Literal["section", "document"] = Field("section", description="what test_unseen keeps out as a whole")
    seed: int = Field(42, description="changes which rows are held out")

    @model_validator(mode="after")
    def _something_is_left(self) -> SplitBlock:
        held_out = self.validation + self.test_seen + self.test_unseen
        if held_out >= 1:
            raise ValueError(f"the shares add up to {held_out:g}; nothing would be left to train on")
        return self


class DecontaminateBlock(Block):
    """What a model will be evaluated on, which no row may hold; `decontaminate: [FILE, …, judge]` is short for it."""

    against: list[str] = Field(
        min_length=1, description="JSONL files with `question`, text files, or judge: the files of the `judge:` block"
    )
    ngram: int = Field(8, ge=3, le=50, description="words of an n-gram")
    containment: float = Field(0.8, gt=0, le=1, description="share of the shorter text's n-grams in the other one")
    threshold: float = Field(0.9, ge=0, le=1, description="cosine from which two questions may be one, 0 to 1")


class ExportBlock(Block):
    """What is written for Axolotl."""

    format: str = Field("messages", description="the shape of a row")
    system: str | None = Field(None, description="a system prompt for every row")
    context: Literal["none", "gold", "gold+distractors"] = Field(
        "none", description="passages that a question comes with: none, those that answer it, or others among them too"
    )
    distractors: int = Field(4, ge=1, le=20, description="of gold+distractors: passages that do not answer it")
    without_gold: float = Field(
        0.0, ge=0, lt=1, description="of gold+distractors: share of rows that lack the passages that answer"
    )

    @model_validator(mode="after")
    def _distractors_are_asked_for(self) -> ExportBlock:
        for name in ("distractors", "without_gold"):
            if name in self.model_fields_set and self.context != "gold+distractors":
                raise ValueError(f"{name} needs context: gold+distractors, not {self.context}")
        return self


CandidateKind = Literal[
    "adapter",
    "adapter+retrieval",
    "base",
    "base+retrieval",
    "endpoint",
    "endpoint+retrieval",
    "embedded",
    "embedded+retrieval",
    "answers",
]
JudgedBy = Literal["pointwise", "pairwise", "claims", "safety", "fairness"]


class CandidateBlock(LlmBlock):
    """A model that is judged, or a file of answers from elsewhere."""

    model: str = Field("embedded", description="of an endpoint: the model's name at `base_url`")
    temperature: float | None = Field(0.0, ge=0, le=2, description="0: the likeliest answer; null: not sent")
    kind: CandidateKind = Field(description="what answers; `+retrieval` puts the best passages before the question")
    name: str = Field("", description="how tables name it; left out: the model of an endpoint, else the kind")
    path: str | None = Field(
        None, description="of `adapter`: the trained weights, else `output_dir`; of `answers`: a JSONL file"
    )
    system: str | None = Field(None, description="a system prompt; left out: that of `export`")
    top_k: int = Field(3, ge=1, le=50, description="passages that retrieval puts before the question")
    search: Literal["hybrid", "dense", "text"] = Field("hybrid", description="how they are found")
    max_tokens: int = Field(256, ge=1, le=16_384, description="longest answer, in tokens")
    batch_tokens: int = Field(8192, ge=64, description="of a local model: tokens computed at once, padding included")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="of a local model's numbers; auto: bfloat16 where the hardware computes in it, else float32"
    )

    @property
    def source(self) -> str:
        """What answers, with or without retrieval."""
        return self.kind.removesuffix("+retrieval")

    @property
    def retrieves(self) -> bool:
        """Whether passages are put before the question."""
        return self.kind.endswith("+retrieval")

    @property
    def label(self) -> str:
        """How tables name it."""
        return self.name or (self.model if self.source == "endpoint" else self.kind)

    @model_validator(mode="after")
    def _keys_fit_the_kind(self) -> CandidateBlock:
        if self.source == "endpoint" and "model" not in self.model_fields_set:
            raise ValueError("an endpoint without `model:`\nadd `model:`, the model's name at that endpoint")
        if self.source == "answers" and not self.path:
            raise ValueError(
                "answers without `path:`\nadd `path:`, a JSONL file of question_id (or question) and answer"
            )
        if self.path and self.source not in ("adapter", "answers"):
            raise ValueError(f"`path` means nothing to {self.kind!r}\nleave it out, or correct `kind:`")
        return self


class JudgeModelBlock(LlmBlock):
    """A chat model that judges."""

    model: str = Field(description="embedded, or the model's name at `base_url`")
    temperature: float | None = Field(0.0, ge=0, le=2, description="0: the likeliest verdict; null: not sent")
    name: str = Field("", description="how tables name it; left out: the model")
    max_tokens: int = Field(1024, ge=64, le=16_384, description="longest verdict, in tokens")

    @property
    def label(self) -> str:
        """How tables name it."""
        return self.name or self.model


def _candidates() -> list[CandidateBlock]:
    return [CandidateBlock(kind=kind) for kind in ("base", "adapter", "base+retrieval")]


class JudgeBlock(Block):
    """How the tuned model is compared with others; `judge: {}` scores base, adapter and base with retrieval exactly."""

    candidates: list[CandidateBlock] = Field(default_factory=_candidates, min_length=1, description="what is compared")
    baseline: str | None = Field(None, description="the candidate that others are compared with; left out: the first")
    judges: list[JudgeModelBlock] = Field([], description="chat models that judge; none: exact scores only")
    scoring: list[JudgedBy] = Field(["pointwise", "pairwise", "claims"], description="what the judges are asked for")
    commit_first: bool = Field(False, description="the judge answers from the passages before it sees a candidate")
    repeats: int = Field(1, ge=1, le=20, description="times that each verdict is asked for: the judge's own noise")
    allow_self_judging: list[str] = Field([], description="judges, by name, that may judge their own family alone")
    splits: list[Literal["test_seen", "test_unseen"]] = Field(
        ["test_seen", "test_unseen"], description="held-out rows that are asked; []: only `questions`"
    )
    questions: list[str] = Field([], description="JSONL files of questions beside the held-out rows")
    limit: int | None = Field(None, ge=1, description="most questions of each origin, chosen by `seed`; null: all")
    distractors: int = Field(
        3, ge=0, le=9, description="wrong options made of other references for log-likelihood; 0: off"
    )
    contaminated: Literal["exclude", "keep"] = Field(
        "exclude", description="what happens to questions seen in training"
    )
    contamination_ngram: int = Field(8, ge=3, le=50, description="words of the n-grams that count as seen")
    contamination_share: float = Field(0.8, gt=0, le=1, description="share of a question's n-grams in one training row")
    contamination_cosine: float = Field(0.9, gt=0, le=1, description="least cosine of two questions that name the same")
    seed: int = Field(42, description="of sampling, shuffling and resampling")
    resamples: int = Field(10_000, ge=100, description="of the bootstrap and the permutation test")
    max_unscored_share: float = Field(0.05, ge=0, le=1, description="more verdicts missing than this: exit code 3")
    output: str | None = Field(
        None, description="where results go, relative to the recipe; left out: judge/ in the run"
    )
    after_train: bool = Field(False, description="judge at the end of `axolotl train`")

    @model_validator(mode="after")
    def _names_are_distinct(self) -> JudgeBlock:
        asked = {judge.label: judge.model_dump(exclude={"name"}) for judge in self.judges}
        for one, other in combinations(asked, 2):
            if asked[one] == asked[other]:
                raise ValueError(f"{one!r} and {other!r} are the same judge\nset `repeats:` to see a judge's own noise")
        if self.judges and self.scoring == ["pairwise"] and len(self.candidates) < 2:
            raise ValueError("pairwise scoring of one candidate\nadd a candidate, or another kind of `scoring:`")
        for what, names in (
            ("candidates", [each.label for each in self.candidates]),
            ("judges", [each.label for each in self.judges]),
        ):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"two {what} are called {twice[0]!r}\ngive each a `name:` of its own")
        names = [each.label for each in self.candidates]
        if self.baseline is not None and self.baseline not in names:
            raise ValueError(f"baseline {self.baseline!r} is no candidate\nname one of: {', '.join(names)}")
        fix = f"name one of: {', '.join(each.label for each in self.judges)}" if self.judges else "add `judges:`"
        if unknown := set(self.allow_self_judging) - {each.label for each in self.judges}:
            raise ValueError(f"allow_self_judging names {sorted(unknown)[0]!r}, which is no judge\n{fix}")
        return self


class RagdataBlock(Block):
    """Everything under `ragdata:`."""

    output: str = Field(description="the run directory, relative to the recipe")
    sources: list[SourceBlock] = Field(min_length=1, description="where documents come from")
    grobid: GrobidBlock = Field(default_factory=lambda: GrobidBlock())
    passages: PassagesBlock = Field(default_factory=lambda: PassagesBlock())
    embed: EmbedBlock = Field(default_factory=lambda: EmbedBlock())
    llm: LlmBlock = Field(default_factory=lambda: LlmBlock())
    questions: QuestionsBlock = Field(default_factory=lambda: QuestionsBlock())
    answers: AnswersBlock = Field(default_factory=lambda: AnswersBlock())
    filters: list[FilterUse] = Field(
        default_factory=lambda: [FilterUse(use=name) for name in FILTERS],
        description="applied in order",
    )
    decontaminate: DecontaminateBlock | None = Field(None, description="evaluation questions that no row may hold")
    split: SplitBlock = Field(default_factory=lambda: SplitBlock())
    export: ExportBlock = Field(default_factory=lambda: ExportBlock())
    judge: JudgeBlock | None = Field(None, description="how `ragdata judge` compares the tuned model with others")
    build: Literal["auto", "never"] = Field(
        "auto", description="auto: `axolotl preprocess|train` build what is missing or stale; never: they refuse to"
    )
    max_failure_share: float = Field(0.05, ge=0, le=1, description="more failed records than this: exit code 3")

    @field_validator("decontaminate", mode="before")
    @classmethod
    def _files_alone(cls, value: Any) -> Any:
        return {"against": value} if isinstance(value, list) else value

    @field_validator("output")
    @classmethod
    def _output_is_named(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("must name a folder")
        return value

    @property
    def needs_llm(self) -> bool:
        """Whether a build calls a chat model at all."""
        return self.questions.origin == "llm" or self.answers.mode == "generative" or bool(self.criteria)

    @property
    def criteria(self) -> list[str]:
        """What a chat model is asked about every row that passed the free filters."""
        return list(dict.fromkeys(each.use for each in self.filters if each.use in CRITERIA))
