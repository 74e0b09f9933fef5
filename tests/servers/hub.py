"""The part of the Hugging Face hub that an upload needs, on loopback: repositories, files, refusals."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from typing import Any

from aiohttp import web


class Hub:
    """A hub in a thread: `repositories` holds what was made, `files` what was committed, by path."""

    def __init__(self, refusal: int | None = None) -> None:
        self.refusal = refusal
        self.repositories: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.commits: list[dict[str, Any]] = []
        self.tokens: set[str | None] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Hub:
        """Listen on a free port."""
        self._thread.start()
        self._ready.wait()
        return self

    def stop(self) -> None:
        """Stop listening."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/api/repos/create", self._create)
        app.router.add_post("/api/validate-yaml", self._accept)
        app.router.add_post("/api/datasets/{owner}/{name}/preupload/{revision}", self._preupload)
        app.router.add_post("/api/datasets/{owner}/{name}/commit/{revision}", self._commit)
        runner = web.AppRunner(app, access_log=None)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0)
        self._loop.run_until_complete(site.start())
        self.port = runner.addresses[0][1]
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _accept(self, request: web.Request) -> web.Response:
        return web.json_response({"errors": [], "warnings": []})

    async def _create(self, request: web.Request) -> web.Response:
        self.tokens.add(request.headers.get("Authorization"))
        if self.refusal is not None:
            return web.json_response({"error": "You may not."}, status=self.refusal)
        asked = await request.json()
        owner = asked.get("organization") or "me"
        self.repositories.append(asked)
        return web.json_response({"url": f"{self.url}/datasets/{owner}/{asked['name']}", "id": "1"})

    async def _preupload(self, request: web.Request) -> web.Response:
        asked = await request.json()
        files = [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in asked["files"]]
        return web.json_response({"files": files})

    async def _commit(self, request: web.Request) -> web.Response:
        for line in (await request.text()).splitlines():
            told = json.loads(line)
            if told["key"] == "header":
                self.commits.append(told["value"])
            elif told["key"] == "file":
                self.files[told["value"]["path"]] = base64.b64decode(told["value"]["content"])
        where = f"{self.url}/datasets/{request.match_info['owner']}/{request.match_info['name']}"
        return web.json_response({"commitOid": "0" * 40, "commitUrl": f"{where}/commit/0", "success": True})
