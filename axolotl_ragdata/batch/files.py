"""What stands in the files of a batch: requests on the way out, answers and errors on the way back."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from axolotl_ragdata.transport import Reply

ENDPOINT = "/v1/chat/completions"
NOT_RUN = {"batch_expired", "batch_cancelled"}
"""Codes of errors that say a request was never made."""


def shards(
    queued: Mapping[str, Mapping[str, Any]], max_requests: int, max_bytes: int
) -> Iterator[list[tuple[str, bytes]]]:
    """Yield requests as (key, line of a batch file), cut so that no file has too many of them or too many bytes.

    >>> [len(shard) for shard in shards({"a": {}, "b": {}, "c": {}}, 2, 10_000)]
    [2, 1]
    """
    shard: list[tuple[str, bytes]] = []
    size = 0
    for key, body in queued.items():
        line = json.dumps({"custom_id": key, "method": "POST", "url": ENDPOINT, "body": body}).encode() + b"\n"
        if shard and (len(shard) >= max_requests or size + len(line) > max_bytes):
            yield shard
            shard, size = [], 0
        shard.append((key, line))
        size += len(line)
    if shard:
        yield shard


def replies(content: bytes) -> dict[str, Reply]:
    """Return the reply to each key of an output or an error file; requests that were never made have none.

    >>> replies(b'{"custom_id": "a", "response": {"status_code": 200, "body": {}}}')["a"].status
    200
    """
    found: dict[str, Reply] = {}
    for line in content.splitlines():
        # a line that is none leaves its request unanswered, which is found by its key
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            item = json.loads(line)
            if (reply := _reply(item)) is not None:
                found[str(item["custom_id"])] = reply
    return found


def _reply(item: Mapping[str, Any]) -> Reply | None:
    response, error = item.get("response"), item.get("error") or {}
    if error.get("code") in NOT_RUN:
        return None
    if response:
        body = response["body"]
        return Reply(int(response["status_code"]), {}, json.dumps(body), body)
    return Reply(500, {}, str(error.get("message") or error), {"error": error})
