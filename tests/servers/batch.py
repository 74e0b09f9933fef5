"""The Batch API on loopback: files, batches, output and error files; each answer is the model server's.

`outcome` may decide what becomes of a request: it gets the batch's number from 0 and the line, and returns "expire", an
HTTP status of an error, or None. `status` may decide how a batch ends ("completed"); a batch takes `batch_s` seconds.
`room` is how many requests may be in progress: a batch above it fails. `fault` may answer a method and a path with a
status before anything is done, `loss` after it was done; 200 is a page in the place of JSON.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web
from ragdata_model_server import Behaviour, ModelServer, answer, completion

Outcome = Callable[[int, Mapping[str, Any]], "str | int | None"]
Fault = Callable[[str, str], "int | None"]
FULL = "Enqueued token limit reached. Please try again once some in_progress batches have been completed."


class BatchServer(ModelServer):
    """An endpoint that has batches beside live calls."""

    def __init__(
        self,
        batch_s: float = 0.0,
        outcome: Outcome | None = None,
        status: Callable[[int], str] | None = None,
        behaviour: Behaviour | None = None,
        room: int | None = None,
        fault: Fault | None = None,
        loss: Fault | None = None,
    ):
        super().__init__(behaviour=behaviour)
        self.room, self.fault, self.loss = room, fault, loss
        self.batch_s = batch_s
        self.outcome = outcome
        self.status = status
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.made = 0
        self.paid: list[str] = []
        """The custom id of every request that was answered."""

    def add_routes(self, app: web.Application) -> None:
        """Serve files and batches."""
        app.middlewares.append(self._faulty)
        app.router.add_post("/v1/files", self._upload)
        app.router.add_get("/v1/files/{id}/content", self._content)
        app.router.add_post("/v1/batches", self._create)
        app.router.add_get("/v1/batches", self._list)
        app.router.add_get("/v1/batches/{id}", self._retrieve)

    def again(self) -> BatchServer:
        """Return another server that listens where this one did, which was stopped, with its files and batches."""
        other = BatchServer(self.batch_s, self.outcome, self.status, self.behaviour, self.room, self.fault, self.loss)
        other._port, other.made, other.paid = self._port, self.made, self.paid
        other.files, other.batches = self.files, self.batches
        other.start()
        return other

    def cancel(self, name: str, after: int) -> None:
        """End a batch as a person would who cancels it once some of its requests are done."""
        batch = self.batches[name]
        self._end(batch, batch["_lines"][:after])
        batch["status"] = "cancelled"

    @web.middleware
    async def _faulty(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        asked = request.method, request.path
        if self.fault and (status := self.fault(*asked)):
            if status == 200:
                return web.Response(text="<html>one moment, please</html>", content_type="text/html")
            return web.json_response({"error": {"message": f"answered with {status}"}}, status=status)
        done = await handler(request)
        if self.loss and (status := self.loss(*asked)):
            return web.json_response({"error": {"message": f"answered with {status}"}}, status=status)
        return done

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        assert form["purpose"] == "batch"
        return web.json_response(self._file(form["file"].file.read()))  # type: ignore[union-attr]

    def _file(self, content: bytes) -> dict[str, Any]:
        name = f"file-{len(self.files)}"
        self.files[name] = content
        return {
            "id": name,
            "object": "file",
            "bytes": len(content),
            "created_at": 1,
            "filename": "f",
            "purpose": "batch",
            "status": "processed",
        }

    async def _content(self, request: web.Request) -> web.Response:
        if request.match_info["id"] not in self.files:
            return web.json_response({"error": {"message": "No such File object"}}, status=404)
        return web.Response(body=self.files[request.match_info["id"]])

    async def _create(self, request: web.Request) -> web.Response:
        asked = await request.json()
        assert asked["endpoint"] == "/v1/chat/completions"
        lines = [json.loads(line) for line in self.files[asked["input_file_id"]].splitlines()]
        assert len({line["custom_id"] for line in lines}) == len(lines), "a custom id stands twice in a file"
        name = f"batch-{self.made}"
        in_progress = sum(len(each["_lines"]) for each in self.batches.values() if each["status"] == "in_progress")
        self.batches[name] = {
            "id": name,
            "object": "batch",
            "endpoint": asked["endpoint"],
            "input_file_id": asked["input_file_id"],
            "completion_window": "24h",
            "created_at": 1,
            "metadata": asked.get("metadata"),
            "status": "in_progress",
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
            "_lines": lines,
            "_since": time.monotonic(),
            "_number": self.made,
            "_is_too_much": self.room is not None and in_progress + len(lines) > self.room,
        }
        self.made += 1
        return web.json_response(self._shown(name))

    async def _list(self, request: web.Request) -> web.Response:
        data = [self._shown(name) for name in self.batches]
        return web.json_response({"object": "list", "data": data, "has_more": False})

    async def _retrieve(self, request: web.Request) -> web.Response:
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            return web.json_response({"error": {"message": "No batch found"}}, status=404)
        took_s = time.monotonic() - batch["_since"]
        if batch["status"] == "in_progress" and batch["_is_too_much"]:
            self._fail(batch, "token_limit_exceeded", FULL)
        elif batch["status"] == "in_progress" and took_s >= self.batch_s:
            self._finish(batch)
        elif batch["status"] == "in_progress":
            counts = batch["request_counts"]
            counts["completed"] = int(counts["total"] * took_s / self.batch_s)
        return web.json_response(self._shown(request.match_info["id"]))

    def _fail(self, batch: dict[str, Any], code: str, message: str) -> None:
        batch["status"] = "failed"
        batch["errors"] = {"object": "list", "data": [{"code": code, "message": message}]}

    def _finish(self, batch: dict[str, Any]) -> None:
        batch["status"] = self.status(batch["_number"]) if self.status else "completed"
        if batch["status"] == "failed":
            self._fail(batch, "invalid", "the file is not right")
        else:
            self._end(batch, batch["_lines"])

    def _end(self, batch: dict[str, Any], lines: list[dict[str, Any]]) -> None:
        good, bad = [], []
        for line in lines:
            outcome = self.outcome(batch["_number"], line) if self.outcome else None
            base = {"id": f"r-{line['custom_id']}", "custom_id": line["custom_id"]}
            if outcome == "expire":
                batch["status"] = "expired"
                error = {"code": "batch_expired", "message": "not executed before the window ended"}
                bad.append({**base, "response": None, "error": error})
            elif isinstance(outcome, int):
                body = {"error": {"message": "the request is refused", "code": None}}
                bad.append(
                    {**base, "response": {"status_code": outcome, "request_id": "r", "body": body}, "error": None}
                )
            else:
                self.paid.append(line["custom_id"])
                self.requests.append(line["body"])
                known = self.behaviour(len(self.requests), line["body"]) if self.behaviour else None
                body = dict(known[1]) if known else completion(answer(line["body"]), line["body"])
                good.append({**base, "response": {"status_code": 200, "request_id": "r", "body": body}, "error": None})
        batch["request_counts"].update(completed=len(good), failed=len(bad))
        for key, written in (("output_file_id", good), ("error_file_id", bad)):
            if written:
                content = "".join(json.dumps(line) + "\n" for line in written).encode()
                batch[key] = self._file(content)["id"]

    def _shown(self, name: str) -> dict[str, Any]:
        return {key: value for key, value in self.batches[name].items() if not key.startswith("_")}
