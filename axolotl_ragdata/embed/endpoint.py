"""An OpenAI-compatible `/embeddings` endpoint."""

from __future__ import annotations

import base64
import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from axolotl_ragdata.blocks import EmbedBlock
from axolotl_ragdata.embed._vectors import unit
from axolotl_ragdata.endpoints import NO_KEY, base_url_of, key_for, redirect_target
from axolotl_ragdata.errors import EndpointError, RecipeError
from axolotl_ragdata.limits import backoff_s, is_passing, retry_after_s

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ATTEMPTS = 5
PATIENCE_S = 120.0
"""How long a call is tried again at an endpoint that has answered, or that turns it away."""
TOO_MANY = 429
TIMEOUT_S = 120.0
CALLS_AT_ONCE = 8
BASE64, FLOAT = "base64", "float"
UNKNOWN_ENCODING = {400, 415, 422, 501}


class EndpointEmbedder:
    """A model behind an endpoint; one on this machine needs no key.

    Args:
        block: The recipe's `embed:`.
        where: Its key, for errors.
        heard: Called with the number of texts that are done, as batches of them are.

    Raises:
        MissingKey: The endpoint is not on this machine and the environment holds no key.
        RecipeError: `base_url` is no http(s) URL, holds a password, or the key cannot be sent.
    """

    def __init__(self, block: EmbedBlock, where: str, heard: Callable[[int], None] | None = None) -> None:
        self._block = block
        self._heard = heard
        base = base_url_of(block.base_url)
        _check_url(base, where)
        self._url = f"{base.rstrip('/')}/embeddings"
        self._key = key_for(base, block.api_key_env, where)
        self._opener = urllib.request.build_opener(_NoRedirects)
        self._dimensions: int | None = None
        self._encoding = BASE64
        self._has_answered = False

    @property
    def name(self) -> str:
        """The model's name, with the dimensions that are asked for."""
        asked = self._block.dimensions
        return self._block.model if asked is None else f"{self._block.model}@{asked}"

    @property
    def dimensions(self) -> int:
        """Length of a vector, learned from the first answer.

        Raises:
            EndpointError: As `embed`.
        """
        if self._dimensions is None:
            self.embed(["dimensions"])
        return self._dimensions or 0

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a text, shape (n, dimensions), float32.

        Raises:
            EndpointError: The endpoint is down, refuses the key or the model, or sends what is no answer.
        """
        import numpy as np

        size = self._block.batch_size
        batches = [list(texts[start : start + size]) for start in range(0, len(texts), size)]
        rows = self._asked(batches[0]) if len(batches) == 1 else self._asked_at_once(batches)
        lengths = {len(row) for row in rows} | ({self._dimensions} if self._dimensions else set())
        if len(lengths) > 1:
            what = f"sent vectors of different lengths: {', '.join(map(str, sorted(lengths)))}"
            raise self._error(what, "check that one embedding model answers there")
        self._dimensions = next(iter(lengths), None)
        return unit(np.stack(rows) if rows else np.zeros((0, self._dimensions or 0), dtype=np.float32))

    def _asked_at_once(self, batches: list[list[str]]) -> list[NDArray[np.float32]]:
        failed = threading.Event()

        def asked(batch: list[str]) -> list[NDArray[np.float32]]:
            if failed.is_set():
                return []  # never seen: going through the results raises the error that set it
            try:
                return self._asked(batch)
            except BaseException:
                failed.set()
                raise

        found: list[NDArray[np.float32]] = []
        pool = ThreadPoolExecutor(CALLS_AT_ONCE)
        try:
            for rows in pool.map(asked, batches):
                found += rows
                if self._heard:
                    self._heard(len(rows))
        finally:
            # whoever interrupts this does not wait for what was asked
            pool.shutdown(wait=False, cancel_futures=True)
        return found

    def _asked(self, batch: list[str]) -> list[NDArray[np.float32]]:
        import numpy as np

        body: dict[str, Any] = {"model": self._block.model, "input": batch}
        if self._block.dimensions:
            body["dimensions"] = self._block.dimensions
        answer = self._encoded(body)
        try:
            data = sorted(answer["data"], key=lambda item: int(item["index"]))
            rows = [_vector(item["embedding"]) for item in data]
        except (KeyError, TypeError, ValueError):
            raise self._error("sent no embeddings", "check that base_url ends in /v1 and serves embeddings") from None
        if len(rows) != len(batch) or not all(row.ndim == 1 and row.size for row in rows):
            raise self._error(f"sent {len(rows)} vectors for {len(batch)} texts", "report it to who runs the endpoint")
        if not all(np.isfinite(row).all() for row in rows):
            raise self._error("sent numbers that are not finite", "report it to who runs the endpoint")
        return [row.astype(np.float32) for row in rows]

    def _encoded(self, body: dict[str, Any]) -> Any:
        """Return an answer with vectors in the encoding that the endpoint knows; many know the smaller one."""
        encoding = self._encoding
        try:
            return self._answer(json.dumps({**body, "encoding_format": encoding}).encode())
        except _Refused as refusal:
            if encoding != BASE64 or refusal.status not in UNKNOWN_ENCODING:
                raise
        answer = self._answer(json.dumps({**body, "encoding_format": FLOAT}).encode())
        self._encoding = FLOAT
        return answer

    def _answer(self, body: bytes) -> Any:
        started, attempt = time.monotonic(), 0
        while True:
            attempt += 1
            try:
                answer = self._post(body)
                self._has_answered = True
                return answer
            except urllib.error.HTTPError as problem:
                with closing(problem):
                    asked_s = retry_after_s({key.lower(): value for key, value in problem.headers.items()})
                    wait_s = max(asked_s or 0.0, backoff_s(min(attempt, ATTEMPTS)))
                    # who turns a call away is there
                    has_answered = self._has_answered or problem.code == TOO_MANY
                    if not is_passing(problem.code) or self._gives_up(attempt, started, wait_s, has_answered):
                        raise self._refused(problem) from None
            except (OSError, http.client.HTTPException, ValueError) as problem:
                wait_s = backoff_s(min(attempt, ATTEMPTS))
                if self._gives_up(attempt, started, wait_s, self._has_answered):
                    reason = getattr(problem, "reason", None) or repr(problem)
                    what = f"does not answer ({attempt} attempts): {self._safe(str(reason))}"
                    raise self._error(what, "start it, or correct base_url") from None
            time.sleep(wait_s)

    def _gives_up(self, attempt: int, started: float, wait_s: float, has_answered: bool) -> bool:
        """Return whether no other attempt is made: one that never answered is not there, another may come back."""
        is_over = time.monotonic() + wait_s - started > PATIENCE_S
        return is_over or (attempt >= ATTEMPTS and not has_answered)

    def _post(self, body: bytes) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
        request = urllib.request.Request(self._url, body, headers)  # noqa: S310
        with self._opener.open(request, timeout=TIMEOUT_S) as answer:
            return json.load(answer)

    def _refused(self, problem: urllib.error.HTTPError) -> EndpointError:
        if problem.code in (401, 403):
            return self._error(f"refuses the key ({problem.code})", f"correct the variable {self._block.api_key_env}")
        said = self._safe(problem.read(2000).decode("utf-8", "replace"))
        if problem.code == 404:
            what = f"knows no embedding model {self._block.model!r} (404): {said}"
            return self._error(what, "correct ragdata.embed.model, and see that base_url ends in /v1")
        if 300 <= problem.code < 400:
            to = redirect_target(problem.headers.get("Location", ""))
            what = f"redirects ({problem.code}) to {to}; the key is not sent on"
            return self._error(what, "correct base_url")
        fix = "wait and run the same command again" if is_passing(problem.code) else "correct the recipe's embed: block"
        return _Refused(problem.code, self._url, f"answers {problem.code}: {said}", fix)

    def _safe(self, text: str) -> str:
        line = " ".join((text if self._key == NO_KEY else text.replace(self._key, "…")).split())
        return line[:400]

    def _error(self, what: str, fix: str) -> EndpointError:
        return EndpointError(self._url, what, fix)


class _Refused(EndpointError):
    """The endpoint does not take a request."""

    def __init__(self, status: int, where: str, what: str, fix: str) -> None:
        super().__init__(where, what, fix)
        self.status = status


def _vector(encoded: Any) -> NDArray[np.float64]:
    """Return a vector that came as numbers, or as the base64 of its little-endian float32 values."""
    import numpy as np

    if isinstance(encoded, str):
        return np.frombuffer(base64.b64decode(encoded, validate=True), dtype="<f4").astype(np.float64)
    return np.asarray(encoded, dtype=np.float64)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows nothing: the key would be sent to whoever is named."""

    def redirect_request(self, *arguments: Any, **named: Any) -> None:
        return None


def _check_url(base: str, where: str) -> None:
    try:
        parts = urlsplit(base)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        named = "@" in parts.netloc
    except ValueError:
        usable = named = False
    if named:
        what = "base_url holds a user name or a password"
        raise RecipeError(f"{where}.base_url", what, "give the key in the environment: api_key_env names the variable")
    if not usable:
        what = f"{base!r} is not the URL of an endpoint"
        raise RecipeError(f"{where}.base_url", what, "give http://… or https://…, ending in /v1")
