"""The embedders: the embedded model itself, and an endpoint on loopback."""

from __future__ import annotations

import base64
import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axolotl_ragdata.embed import CachedEmbedder, EmbeddedEmbedder, Embedder, TransformersEmbedder, open_embedder, unit
from axolotl_ragdata.embed.endpoint import CALLS_AT_ONCE
from axolotl_ragdata.embedded import model_path
from axolotl_ragdata.errors import EndpointError, MissingKey, RecipeError, StoreError
from axolotl_ragdata.recipe import Recipe, recipe_from
from axolotl_ragdata.tokens import open_tokenizer

SECRET = "sk-embedding-secret"


@pytest.fixture(scope="module")
def embedded() -> EmbeddedEmbedder:
    return EmbeddedEmbedder()


def recipe(**embed: Any) -> Recipe:
    data = {"ragdata": {"output": "./x", "sources": [{"path": "y"}], "embed": embed}}
    return recipe_from(data, Path("/r/recipe.yml"))


def test_batches_are_told_of_as_they_are_done() -> None:
    heard: list[int] = []
    EmbeddedEmbedder(heard.append).embed([f"Sentence {number} of a book about salt." * 8 for number in range(120)])
    assert sum(heard) == 120
    assert len(heard) > 1


def test_vectors_are_unit_and_say_what_texts_mean(embedded: EmbeddedEmbedder) -> None:
    vectors = embedded.embed(
        [
            "How long must a panic attack last?",
            "Panic attacks peak within ten minutes.",
            "The bridge was built of steel.",
        ]
    )
    assert vectors.shape == (3, 384)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.3


def test_a_vector_does_not_depend_on_its_neighbours(embedded: EmbeddedEmbedder) -> None:
    texts = ["Anxiety.", "A much longer text about anxiety " * 20, "", "Insomnia is a sleep disorder."]
    together = embedded.embed(texts)
    alone = np.concatenate([embedded.embed([text]) for text in texts])
    assert np.array_equal(together, alone), "equal builds have equal vectors, whatever was embedded together"


def test_the_end_of_a_long_text_counts(embedded: EmbeddedEmbedder) -> None:
    start = "The city council met on Monday to discuss the new road. " * 40
    plain, ended = embedded.embed([start, start + "Panic disorder is an anxiety disorder. " * 20])
    (panic,) = embedded.embed(["panic disorder and anxiety"])
    assert ended @ panic > plain @ panic + 0.1


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(st.characters(), max_size=60), max_size=5))
def test_any_text_has_a_vector(embedded: EmbeddedEmbedder, texts: list[str]) -> None:
    vectors = embedded.embed(texts)
    assert vectors.shape == (len(texts), 384)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_text_at_all(embedded: EmbeddedEmbedder) -> None:
    assert embedded.embed([]).shape == (0, 384)


class Counting:
    """An embedder that counts what it is given."""

    name, dimensions = "counting@1", 4

    def __init__(self) -> None:
        self.seen: list[str] = []

    def embed(self, texts: Any) -> Any:
        self.seen += texts
        return unit(np.array([[len(text), 1, 2, 3] for text in texts], dtype=np.float32).reshape(-1, 4))


def test_a_text_is_embedded_once_ever(tmp_path: Path) -> None:
    inner = Counting()
    first = CachedEmbedder(inner, tmp_path / "c.sqlite")
    vectors = first.embed(["a", "bb", "a"])
    assert inner.seen == ["a", "bb"]
    second = CachedEmbedder(inner, tmp_path / "c.sqlite")
    assert np.array_equal(second.embed(["bb", "a"]), vectors[[1, 0]])
    assert second.embed([]).shape == (0, 4)
    assert inner.seen == ["a", "bb"]
    other = Counting()
    other.name = "counting@2"
    renamed = CachedEmbedder(other, tmp_path / "c.sqlite")
    renamed.embed(["a"])
    assert other.seen == ["a"], "vectors of another model are not taken"


def test_a_cache_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "c.sqlite").write_text("this is no database, and long enough to be looked at " * 10)
    with pytest.raises(StoreError, match="cannot be used as a cache"):
        CachedEmbedder(Counting(), tmp_path / "c.sqlite")


def test_what_was_computed_before_an_interruption_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(Counting):
        def embed(self, texts: Any) -> Any:
            if len(self.seen) >= 4:
                raise KeyboardInterrupt
            return super().embed(texts)

    monkeypatch.setattr("axolotl_ragdata.embed.cache.BLOCK", 2)
    texts = [f"text {number}" for number in range(8)]
    with pytest.raises(KeyboardInterrupt):
        CachedEmbedder(Interrupted(), tmp_path / "c.sqlite").embed(texts)
    after = Counting()
    CachedEmbedder(after, tmp_path / "c.sqlite").embed(texts)
    assert after.seen == texts[4:]


def test_threads_share_a_cache(tmp_path: Path) -> None:
    cached = CachedEmbedder(Counting(), tmp_path / "c.sqlite")
    lists = [[f"text {number % 7}" * (number % 3 + 1) for number in range(start, start + 20)] for start in range(30)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(cached.embed, lists))
    assert all(np.array_equal(vectors, Counting().embed(texts)) for vectors, texts in zip(found, lists, strict=True))


def test_a_model_that_changed_its_length_under_one_name(tmp_path: Path) -> None:
    class Longer(Counting):
        dimensions = 5

        def embed(self, texts: Any) -> Any:
            return np.ones((len(texts), 5), dtype=np.float32)

    CachedEmbedder(Counting(), tmp_path / "c.sqlite").embed(["a"])
    with pytest.raises(StoreError, match=r"other lengths than it gives now: \[4, 5\]"):
        CachedEmbedder(Longer(), tmp_path / "c.sqlite").embed(["a", "b"])


Behaviour = Callable[[int, dict[str, Any]], "tuple[int, dict[str, Any], dict[str, str]] | None"]


class Endpoint(ThreadingHTTPServer):
    """An embeddings endpoint: a text's vector holds its length; `behaviour` may answer in its place."""

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviour = behaviour
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        number = len(self.server.bodies)
        self.server.bodies.append(body)
        self.server.keys.append(self.headers["Authorization"])
        reply = self.server.behaviour(number, body) if self.server.behaviour else None
        if reply is None:
            data = [{"index": at, "embedding": [len(text), 1.0]} for at, text in enumerate(body["input"])]
            reply = 200, {"data": data[::-1]}, {}
        code, payload, headers = reply
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(json.dumps(payload).encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[Callable[..., Endpoint]]:
    started: list[Endpoint] = []

    def start(behaviour: Behaviour | None = None) -> Endpoint:
        server = Endpoint(behaviour)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def opened(server: Endpoint, **embed: Any) -> Embedder:
    return open_embedder(recipe(model="some-embedder", base_url=server.base_url, **embed), None)


def test_an_endpoint_is_asked_in_batches_and_its_order_is_kept(endpoint: Callable[..., Endpoint]) -> None:
    server = endpoint()
    embedder = opened(server, batch_size=3, dimensions=2)
    vectors = embedder.embed(["a" * n for n in range(1, 9)])
    assert sorted(len(body["input"]) for body in server.bodies) == [2, 3, 3]
    assert server.bodies[0]["dimensions"] == 2
    assert (embedder.name, embedder.dimensions) == ("some-embedder@2", 2)
    assert np.allclose(vectors[:, 0] / vectors[:, 1], range(1, 9), rtol=1e-5)


def test_an_endpoint_that_turns_calls_away_is_asked_as_long_as_it_takes(
    endpoint: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("axolotl_ragdata.embed.endpoint.backoff_s", lambda attempt: 0.01)
    server = endpoint(lambda number, body: (429, {}, {"Retry-After": "0.01"}) if number < 9 else None)
    assert opened(server).embed(["one"]).shape[0] == 1


def test_a_passing_fault_is_tried_again(endpoint: Callable[..., Endpoint]) -> None:
    server = endpoint(lambda number, body: (429, {}, {"Retry-After": "0.01"}) if number < 2 else None)
    assert opened(server).embed(["a"]).shape == (1, 2)
    assert len(server.bodies) == 3


@pytest.mark.parametrize(
    ("code", "what"),
    [(401, "refuses the key"), (404, "knows no embedding model 'some-embedder'"), (400, "answers 400")],
)
def test_a_refusal_is_said_without_the_key(
    endpoint: Callable[..., Endpoint], monkeypatch: pytest.MonkeyPatch, code: int, what: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    server = endpoint(lambda number, body: (code, {"error": f"bad key {SECRET}"}, {}))
    with pytest.raises(EndpointError, match=what) as caught:
        opened(server).embed(["a"])
    # a 400 may mean base64, which is asked for first: numbers are asked for before it is believed
    assert server.keys == [f"Bearer {SECRET}"] * (2 if code == 400 else 1)
    assert SECRET not in str(caught.value)
    assert "fix: " in str(caught.value)


def test_vectors_may_come_as_base64_or_as_numbers(endpoint: Callable[..., Endpoint]) -> None:
    packed = base64.b64encode(struct.pack("<2f", 3.0, 4.0)).decode()

    def answered(number: int, body: dict[str, Any]) -> Any:
        row = packed if body["encoding_format"] == "base64" else [3.0, 4.0]
        return 200, {"data": [{"index": at, "embedding": row} for at in range(len(body["input"]))]}, {}

    server = endpoint(answered)
    assert opened(server).embed(["a", "b"]).tolist() == [[0.6000000238418579, 0.800000011920929]] * 2
    assert [body["encoding_format"] for body in server.bodies] == ["base64"]

    def numbers_only(number: int, body: dict[str, Any]) -> Any:
        if body["encoding_format"] == "base64":
            return 422, {"error": "encoding_format must be float"}, {}
        return answered(number, body)

    server = endpoint(numbers_only)
    embedder = opened(server)
    first = embedder.embed(["a"])
    assert (embedder.embed(["b"]) == first).all()
    assert [body["encoding_format"] for body in server.bodies] == ["base64", "float", "float"]


def test_base64_that_is_none_is_no_vector(endpoint: Callable[..., Endpoint]) -> None:
    server = endpoint(lambda number, body: (200, {"data": [{"index": 0, "embedding": "A"}]}, {}))
    with pytest.raises(EndpointError, match="sent no embeddings"):
        opened(server).embed(["a"])


@pytest.mark.parametrize(
    "payload", [{}, {"data": []}, {"data": [{"index": 0, "embedding": "x"}]}, {"data": [{"index": 0}]}]
)
def test_what_is_no_embedding_is_refused(endpoint: Callable[..., Endpoint], payload: dict[str, Any]) -> None:
    with pytest.raises(EndpointError, match="sent"):
        opened(endpoint(lambda number, body: (200, payload, {}))).embed(["a"])


def test_numbers_that_are_not_finite_are_refused(endpoint: Callable[..., Endpoint]) -> None:
    payload = {"data": [{"index": 0, "embedding": [1.0, float("nan")]}]}
    with pytest.raises(EndpointError, match="not finite"):
        opened(endpoint(lambda number, body: (200, payload, {}))).embed(["a"])


def test_vectors_of_another_length_than_before_are_refused(endpoint: Callable[..., Endpoint]) -> None:
    payload = {"data": [{"index": 0, "embedding": [1.0, 2.0, 3.0]}]}
    embedder = opened(endpoint(lambda number, body: (200, payload, {}) if number else None))
    assert embedder.dimensions == 2
    with pytest.raises(EndpointError, match="different lengths: 2, 3"):
        embedder.embed(["a"])


@pytest.mark.parametrize("code", [302, 307])
def test_a_redirect_is_not_followed_with_the_key(
    endpoint: Callable[..., Endpoint], monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    other = endpoint()
    server = endpoint(lambda number, body: (code, {}, {"Location": f"{other.base_url}/embeddings?token={SECRET}"}))
    with pytest.raises(EndpointError, match="redirects") as caught:
        opened(server).embed(["a"])
    assert other.bodies == []
    assert SECRET not in str(caught.value)


def test_after_an_error_the_calls_that_wait_are_not_made(endpoint: Callable[..., Endpoint]) -> None:
    def answer(number: int, body: Any) -> Any:
        if body["input"] == ["0"]:
            time.sleep(1)  # an error of a later text must not wait for it
        return 400, {"error": "no"}, {}

    server = endpoint(answer)
    with pytest.raises(EndpointError, match="answers 400"):
        opened(server, batch_size=1).embed([str(number) for number in range(500)])
    assert len(server.bodies) <= 2 * CALLS_AT_ONCE, "each call at work asks for base64, then for numbers"


def test_a_wait_of_an_hour_ends_the_run_and_does_not_hang_it(endpoint: Callable[..., Endpoint]) -> None:
    server = endpoint(lambda number, body: (429, {"error": "come back later"}, {"Retry-After": "3600"}))
    with pytest.raises(EndpointError, match=r"answers 429.*come back later"):
        opened(server).embed(["a"])
    assert len(server.bodies) == 1


def test_an_endpoint_that_hangs_up_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("axolotl_ragdata.embed.endpoint.ATTEMPTS", 2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        calls = []

        def answer() -> None:
            for reply in (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", b"not http at all\r\n\r\n"):
                connection, _ = listener.accept()
                with connection:
                    calls.append(connection.recv(65_536))
                    connection.sendall(reply)
                    connection.shutdown(socket.SHUT_RDWR)

        thread = threading.Thread(target=answer)
        thread.start()
        embedder = open_embedder(recipe(model="m", base_url=f"http://127.0.0.1:{listener.getsockname()[1]}/v1"), None)
        with pytest.raises(EndpointError, match="does not answer"):
            embedder.embed(["a"])
        thread.join()
    assert len(calls) == 2


@pytest.mark.parametrize(
    "url", ["http://user:pa55word@127.0.0.1:9/v1", "file:///etc/passwd", "127.0.0.1:80", "http://"]
)
def test_what_is_no_url_of_an_endpoint(url: str) -> None:
    with pytest.raises(RecipeError, match=r"ragdata\.embed\.base_url") as caught:
        open_embedder(recipe(model="m", base_url=url), None)
    assert "pa55word" not in str(caught.value)


def test_a_key_that_no_header_can_hold_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f"{SECRET}\nX-Other: 1")
    with pytest.raises(RecipeError, match="OPENAI_API_KEY holds characters that no key has") as caught:
        open_embedder(recipe(model="m"), None)
    assert SECRET not in str(caught.value)


def test_the_length_of_a_known_models_vectors_costs_no_call(endpoint: Callable[..., Endpoint], tmp_path: Path) -> None:
    server = endpoint()
    given = recipe(model="some-embedder", base_url=server.base_url)
    assert [open_embedder(given, tmp_path).dimensions for _ in range(3)] == [2, 2, 2]
    assert len(server.bodies) == 1


def test_sentence_transformers_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(RecipeError, match="needs sentence-transformers") as caught:
        open_embedder(recipe(model="sentence-transformers/all-MiniLM-L6-v2"), None)
    assert "pip install sentence-transformers" in str(caught.value)


def test_a_sentence_transformers_model_in_a_folder(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    small_model(tmp_path / "small")
    embedder = TransformersEmbedder("small", "here", tmp_path)
    assert embedder.name.startswith("sentence-transformers/small@")
    plain, ended = embedder.embed(["long " * 300, "long " * 300 + "panic " * 60])
    assert plain.shape == (embedder.dimensions,)
    assert not np.allclose(plain, ended), "the end of a long text counts"
    with pytest.raises(RecipeError, match="cannot load 'none'"):
        TransformersEmbedder("none", "here", tmp_path)


def small_model(folder: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    marks = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(model_path("minilm-tokenizer")), **marks)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=30_522, max_position_embeddings=64, **sizes)).save_pretrained(folder / "bert")
    tokenizer.save_pretrained(folder / "bert")
    SentenceTransformer(str(folder / "bert")).save(str(folder))


def test_an_endpoint_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("axolotl_ragdata.embed.endpoint.ATTEMPTS", 2)
    embedder = open_embedder(recipe(model="m", base_url="http://127.0.0.1:9/v1"), None)
    with pytest.raises(EndpointError, match="does not answer"):
        embedder.embed(["a"])


def test_a_remote_endpoint_wants_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(MissingKey, match="OPENAI_API_KEY is not set"):
        open_embedder(recipe(model="text-embedding-3-small"), None)


def test_a_tokenizer_counts_and_places(tmp_path: Path) -> None:
    tokenizer = open_tokenizer("embedded", tmp_path)
    text = "Panic disorder, naïvely put."
    spans = tokenizer.spans(text)
    assert tokenizer.count(text) == len(spans) >= 6
    assert text[spans[0][0] : spans[0][1]] == "Panic"
    assert tokenizer.count("word " * 2000) == 2000, "nothing is cut"
    with pytest.raises(RecipeError, match=r"none\.json"):
        open_tokenizer("none.json", tmp_path)
