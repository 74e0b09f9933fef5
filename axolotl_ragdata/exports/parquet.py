"""Parquet files, and the folder that the Hugging Face hub shows as a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from axolotl_ragdata.exports import Dataset, Row, bundles, exports
from axolotl_ragdata.store import write_atomically


class ParquetBundle:
    """One `train.parquet` and so on, with the rows of `messages`."""

    needs_template = False

    def write(self, dataset: Dataset, folder: Path) -> list[Path]:
        """Write the files of the splits that have rows; return them.

        Raises:
            StoreError: One of them cannot be written.
        """
        return [write_parquet(folder / f"{split}.parquet", rows) for split, rows in message_rows(dataset).items()]


class HuggingFaceBundle:
    """`README.md` and `data/*.parquet`, as `datasets.load_dataset(FOLDER)` and the hub read them."""

    needs_template = False

    def write(self, dataset: Dataset, folder: Path) -> list[Path]:
        """Write the card and the files; return them.

        Raises:
            StoreError: One of them cannot be written.
        """
        rows = message_rows(dataset)
        files = {split: f"data/{split}-00000-of-00001.parquet" for split in rows}
        card = folder / "README.md"
        write_atomically(card, dataset.card(files).encode())
        return [card, *(write_parquet(folder / files[split], lines) for split, lines in rows.items())]


def message_rows(dataset: Dataset) -> dict[str, list[Row]]:
    """Return the rows of `messages` of each split that has some."""
    export = exports.get("messages", "export")
    rows = {split: export.rows(material) for split, material in dataset.splits.items()}
    return {split: lines for split, lines in rows.items() if lines}


def write_parquet(path: Path, rows: list[Row]) -> Path:
    """Write rows as one zstd-compressed Parquet file; return the path.

    Raises:
        StoreError: It cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet

    table = pa.Table.from_pylist(rows, schema=_schema(pa))
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(table, sink, compression="zstd")
    write_atomically(path, sink.getvalue().to_pybytes())
    return path


def _schema(pa: Any) -> Any:
    # written out: an empty list in every row of a split would otherwise get another type there than elsewhere
    turn = pa.struct([("role", pa.string()), ("content", pa.string())])
    texts = pa.list_(pa.string())
    plain = ("section", "source", "title", "licence", "language", "generator")
    return pa.schema(
        [
            *(("id", pa.string()), ("type", pa.string()), ("messages", pa.list_(turn))),
            *((name, pa.string()) for name in plain),
            *(("quotes", texts), ("places", texts)),
        ]
    )


bundles.register("parquet")(ParquetBundle())
bundles.register("huggingface")(HuggingFaceBundle())
