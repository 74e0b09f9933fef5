"""The other end of `many.py`: a process that reads one file after another for whoever started it.

A request is a line of JSON, an answer a letter, the number of its bytes and then the bytes. The process ends with its
standard input, so that it never outlives the one who asks; an interrupt is that one's to handle.
"""

from __future__ import annotations

import gc
import json
import marshal
import os
import signal
import sys
from pathlib import Path
from typing import Any, BinaryIO

from axolotl_ragdata.errors import DocumentRefused
from axolotl_ragdata.readers import read_document, read_fields, readers
from axolotl_ragdata.readers.many import HEADER
from axolotl_ragdata.readers.structured import to_json
from axolotl_ragdata.records import Document

COLLECT_EVERY = 50


def answer(request: dict[str, Any]) -> tuple[bytes, bytes]:
    """Return what a request comes to.

    `D`: the document; `F`: its fields, marshalled; `J`: its JSON as `to_json` has it; `R`: why it was refused.
    """
    path, reader, most = Path(request["path"]), request["reader"], request["max_bytes"]
    try:
        found = read_document(path, reader, most) if request["as_json"] else read_fields(path, reader, most)
    except DocumentRefused as refusal:
        return b"R", json.dumps([refusal.where, refusal.what, refusal.fix]).encode()
    if not isinstance(found, Document):
        return b"F", marshal.dumps(found)
    if request["as_json"]:
        return b"J", json.dumps(to_json(found), ensure_ascii=False).encode("utf-8", "surrogatepass")
    return b"D", found.model_dump_json().encode()


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more; the first answer names the readers that are known here."""
    _send(answers, b"N", json.dumps(readers.names()).encode())
    gc.freeze()
    gc.disable()  # a document holds no cycle; what its reader leaves behind is collected now and then
    for number, line in enumerate(requests, 1):
        _send(answers, *answer(json.loads(line)))
        if number % COLLECT_EVERY == 0:
            gc.collect()


def _send(answers: BinaryIO, kind: bytes, payload: bytes) -> None:
    answers.write(HEADER.pack(kind, len(payload)))
    answers.write(payload)
    answers.flush()


def main() -> None:
    """Serve on standard input and output; what a reader prints goes to standard error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        serve(sys.stdin.buffer, answers)
    except BrokenPipeError:
        os._exit(0)  # whoever asked is gone
