"""The embedders: the embedded model itself, and an endpoint on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from axolotl_ragdata.embed import CachedEmbedder, EmbeddedEmbedder, Embedder, open_embedder, unit
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
    assert np.allclose(together, alone, atol=1e-6)


def test_the_end_of_a_long_text_counts(embedded: EmbeddedEmbedder) -> None:
    start = "The city council met on Monday to discuss the new road. " * 40
    plain, ended = embedded.embed([start, start + "Panic disorder is an anxiety disorder. " * 20])
    (panic,) = embedded.embed(["panic disorder and anxiety"])
    assert ended @ panic > plain @ panic + 0.1


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
        threading.Thread(target=server.serve_forever, daemon=True).start()
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
    assert server.keys == [f"Bearer {SECRET}"]
    assert SECRET not in str(caught.value)
    assert "fix: " in str(caught.value)


@pytest.mark.parametrize(
    "payload", [{}, {"data": []}, {"data": [{"index": 0, "embedding": "x"}]}, {"data": [{"index": 0}]}]
)
def test_what_is_no_embedding_is_refused(endpoint: Callable[..., Endpoint], payload: dict[str, Any]) -> None:
    with pytest.raises(EndpointError, match="sent"):
        opened(endpoint(lambda number, body: (200, payload, {}))).embed(["a"])


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
