"""Records from fields that a reader made itself.

To check thousands of small records that cannot be wrong takes a tenth of the time that reading takes; `model_construct`
would take longer than the check. The tests hold every document that is made so against its validated self.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeVar

from axolotl_ragdata.records import Record

RecordT = TypeVar("RecordT", bound=Record)


@lru_cache(maxsize=64)
def _names_of(kind: type[Record]) -> set[str]:
    """Return the names of the fields, one set for all records of a class: none of them ever changes it."""
    return set(kind.model_fields)


_new = object.__new__
_set = object.__setattr__


def made(kind: type[RecordT], fields: dict[str, Any]) -> RecordT:
    """Return a record whose fields are these: all of them, in the order of the class, sequences as tuples.

    The record takes the dictionary over.
    """
    record = _new(kind)
    _set(record, "__dict__", fields)
    _set(record, "__pydantic_fields_set__", _names_of(kind))
    _set(record, "__pydantic_extra__", None)
    _set(record, "__pydantic_private__", None)
    return record
