"""A real, tiny model: what it writes and how likely it finds an answer do not depend on the batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from axolotl_ragdata.errors import RecipeError
from axolotl_ragdata.judge.local import Generated, LocalModel, TooLong, Weights, weights_of
from axolotl_ragdata.records import Message

QUESTIONS = ("What is panic?", "How long does generalised worry last in most adults who have it?", "Why?")
PROMPTS = [(Message(role="user", content=text),) for text in QUESTIONS]


@pytest.fixture(scope="module")
def model(tiny: dict[str, Path]) -> Iterator[LocalModel]:
    opened = LocalModel(weights_of(str(tiny["base"]), None), 4096, "float32")
    yield opened
    opened.close()


def test_the_longest_prompt_comes_first_and_batches_change_nothing(model: LocalModel, tiny: dict[str, Path]) -> None:
    together = list(model.generate(PROMPTS, 6, 0.0, 1))
    assert together[0][0] == 1
    apart = {at: next(model.generate([prompt], 6, 0.0, 1))[1] for at, prompt in enumerate(PROMPTS)}
    assert dict(together) == apart
    small = LocalModel(weights_of(str(tiny["base"]), None), 64, "float32")
    assert dict(small.generate(PROMPTS, 6, 0.0, 1)) == apart


def test_sampling_is_seeded(model: LocalModel) -> None:
    first, again, other = (dict(model.generate(PROMPTS, 8, 1.0, seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_an_answer_that_is_cut_says_so(model: LocalModel) -> None:
    written = dict(model.generate(PROMPTS[:1], 3, 0.0, 1))[0]
    assert isinstance(written, Generated)
    assert not written.ended
    assert written.output_tokens == 3


def test_a_prompt_beyond_the_context_is_a_failure_of_its_own(model: LocalModel) -> None:
    long = (Message(role="user", content="worry " * 600),)
    found = dict(model.generate([long, PROMPTS[0]], 4, 0.0, 1))
    assert isinstance(found[0], TooLong)
    assert isinstance(found[1], Generated)
    likely = dict(model.log_likelihoods([(long, "x"), (PROMPTS[0], "x")]))
    assert isinstance(likely[0], TooLong)
    assert isinstance(likely[1], tuple)


def test_log_likelihood_is_that_of_the_answers_tokens_alone(model: LocalModel) -> None:
    """Against a plain forward pass over the rendered conversation, token by token."""
    import torch

    answer = "It peaks within ten minutes."
    tokenizer, network = model._tokenizer, model._model
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": QUESTIONS[0]}], tokenize=False, add_generation_prompt=True
    )
    before = tokenizer.encode(prompt, add_special_tokens=False)
    own = tokenizer.encode(answer, add_special_tokens=False)
    with torch.inference_mode():
        logits = network(torch.tensor([before + own])).logits[0].double().log_softmax(-1)
    expected = sum(logits[len(before) + at - 1, token].item() for at, token in enumerate(own))
    pairs = [(PROMPTS[1], "Six months, and often for years."), (PROMPTS[0], f" {answer}\n")]
    found = dict(model.log_likelihoods(pairs))[1]
    assert isinstance(found, tuple)
    assert found[1] == len(own)
    assert found[0] == pytest.approx(expected, abs=1e-3)


def test_answers_after_one_long_start_are_as_likely_as_each_alone(model: LocalModel) -> None:
    long = (Message(role="user", content="Worry lasts, and panic peaks. " * 50 + "Why?"),)
    answers = ("Six months.", "Ten minutes, and then it fades slowly.", "No.")
    together = dict(model.log_likelihoods([(long, answer) for answer in answers]))
    for at, answer in enumerate(answers):
        alone = dict(model.log_likelihoods([(long, answer)]))[0]
        assert isinstance(alone, tuple)
        assert isinstance(together[at], tuple)
        assert together[at] == pytest.approx(alone, abs=1e-3)


def test_an_adapter_changes_what_is_likely_and_the_identity(model: LocalModel, tiny: dict[str, Path]) -> None:
    base, weights = weights_of(str(tiny["base"]), None), weights_of(str(tiny["base"]), tiny["adapter"])
    assert weights.identity.startswith(base.identity)
    assert weights.identity != base.identity
    tuned = LocalModel(weights, 4096, "float32")
    pair = [(PROMPTS[0], "It peaks within ten minutes.")]
    assert dict(tuned.log_likelihoods(pair)) != dict(model.log_likelihoods(pair))


def test_a_stopped_model_ends_at_the_next_token(tiny: dict[str, Path]) -> None:
    stopped = LocalModel(weights_of(str(tiny["base"]), None), 64, "float32")
    steps = 0

    def count(*_: object) -> None:
        nonlocal steps
        steps += 1
        if steps == 3:
            stopped.stop()

    stopped._model.register_forward_hook(count)
    assert list(stopped.generate(PROMPTS, 40, 1.0, 1)) == []
    assert steps == 3


def test_what_cannot_be_loaded_is_named(tiny: dict[str, Path], tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(RecipeError, match="cannot be loaded"):
        LocalModel(Weights(str(empty), None, "x"), 64)
    with pytest.raises(RecipeError, match="does not fit"):
        LocalModel(Weights(str(tiny["base"]), empty, "x"), 64)
