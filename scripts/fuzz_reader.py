"""Fuzz the TEI reader, guided by coverage, for a bounded time.

    pip install atheris
    python scripts/fuzz_reader.py [--seconds 120] [--corpus FOLDER] [--reader grobid]

Whatever bytes come, the reader must give a document whose offsets are exact, which pydantic accepts as it is and which
comes back the same from JSON, or refuse by name; within 10 s, below a gigabyte, without opening a file or a socket. An
input that breaks one of these is kept in the folder of the corpus (a temporary one, named at the start), and the exit
code is 1.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

try:
    import atheris
except ImportError:
    sys.exit("fuzz_reader.py: atheris is not installed\nfix: pip install atheris")

with atheris.instrument_imports(include=["axolotl_ragdata.readers"]):
    from axolotl_ragdata.errors import DocumentRefused
    from axolotl_ragdata.readers import readers
    from axolotl_ragdata.readers.structured import from_json, to_json

    readers.names()  # imports the readers, so that they are instrumented too
from axolotl_ragdata.records import Document

TIMEOUT_S = 10
MEMORY_MB = 1024
SEEDS = Path(__file__).parent.parent / "recipes" / "demo-documents"
SHARED = Path(__file__).parent.parent.parent / "shared" / "data"
LONGEST = 32_768
FORBIDDEN = ("open", "socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "urllib.", "ctypes.dlopen")
TAGS = """TEI teiHeader text front body back div head p s ref note figure figDesc label table row cell formula list item
listBibl biblStruct analytic monogr author persName orgName forename surname title date idno ptr bibl abstract fw lb hi
graphic desc group availability licence application publicationStmt fileDesc sourceDesc""".split()  # noqa: SIM905
WORDS = [
    *('type="bibr"', 'type="table"', 'target="#b0"', 'xml:id="b0"', 'n="2.1"', 'coords="1,2,3,4,5"', 'cols="2"'),
    *('rows="9"', 'level="a"', 'when="1999"', 'xml:lang="fr"', 'xmlns="http://www.tei-c.org/ns/1.0"', 'role="label"'),
    *('type="foot"', 'target="#n0"', 'xml:id="n0"', 'type="doi"'),
    *("&lt;", "&amp;", "&#0;", "&#x301;", "&nbsp;", "<![CDATA[", "]]>", "<!--", "-->", "<?xml", "?>", "<!DOCTYPE"),
    *('<!ENTITY a "b">', '<!ENTITY x SYSTEM "file:///etc/passwd">', "&x;", "\u00ad", "\ufb01", "e\u0301", "-\n", "\0"),
]

reading = False


def forbid(event: str, arguments: tuple[Any, ...]) -> None:
    """Fail where the reader opens a file or a connection, or starts a process; a codec that is imported is none."""
    if reading and event.startswith(FORBIDDEN) and not str(arguments[0]).endswith((".py", ".pyc")):
        raise AssertionError(f"the reader did {event} {arguments!r}")


def check(document: Document) -> None:
    """Fail where a document is not what the reader promises."""
    known = {reference.id for reference in document.references}
    for section in document.sections:
        for block in section.blocks:
            for mark in block.citations:
                assert block.text[mark.start : mark.end] == mark.text != ""
                assert mark.ref_id is None or mark.ref_id in known
            for sentence in block.sentences:
                assert 0 <= sentence.start < sentence.end <= len(block.text)
    checked = Document.model_validate(document.model_dump())
    assert checked == document
    assert Document.model_validate(from_json(json.loads(json.dumps(to_json(document))))) == document


def target(name: str) -> Any:
    """Return what the fuzzer calls with bytes."""
    reader = readers.get(name, "fuzz")
    path = Path("fuzz.tei.xml" if name == "grobid" else "fuzz.json" if name == "s2orc" else "fuzz.md")

    def read(raw: bytes) -> None:
        global reading
        reading = True
        try:
            document = reader.read(path, raw)
        except (DocumentRefused, RecursionError):
            # `read_document` turns too deep nesting into a refusal
            return
        finally:
            reading = False
        check(document)

    return read


def seeds(name: str) -> Iterable[bytes]:
    """Yield what the fuzzer begins with."""
    if name == "grobid":
        folders = (SEEDS, SHARED / "odd", SHARED / "tei")
        for path in (path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir())):
            raw = path.read_bytes()
            # of a long file its ends: header and bibliography, and the beginning of its text
            yield raw if len(raw) <= LONGEST else raw[: LONGEST // 2] + raw[-LONGEST // 2 :]
    else:
        yield b'{"paper_id": "1", "body_text": [{"text": "a", "cite_spans": [{"start": 0, "end": 1, "ref_id": "b"}]}]}'
        yield b"# A\n\ntext\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- item\n"


def main() -> None:
    """Run the fuzzer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--corpus", type=Path, default=None)
    parser.add_argument("--reader", choices=readers.names(), default="grobid")
    args = parser.parse_args()
    folder = args.corpus or Path(tempfile.mkdtemp(prefix="fuzz-reader-"))
    folder.mkdir(parents=True, exist_ok=True)
    for number, raw in enumerate(seeds(args.reader)):
        (folder / f"seed-{number:03}").write_bytes(raw)
    words = folder.parent / f"{folder.name}.dict"
    quoted = [f'"{_escaped(word)}"' for word in (*(f"<{tag}>" for tag in TAGS), *(f"</{tag}>" for tag in TAGS), *WORDS)]
    words.write_text("\n".join(quoted) + "\n", encoding="ascii")
    print(f"corpus: {folder}", file=sys.stderr)
    sys.addaudithook(forbid)
    limits = [f"-max_total_time={args.seconds}", f"-timeout={TIMEOUT_S}", f"-rss_limit_mb={MEMORY_MB}"]
    options = [f"-max_len={LONGEST}", f"-dict={words}", f"-artifact_prefix={folder}/broken-", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *limits, *options, str(folder)], target(args.reader))
    atheris.Fuzz()


def _escaped(word: str) -> str:
    plain = {"\\": "\\\\", '"': '\\"'}
    return "".join(plain.get(chr(byte), chr(byte)) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in word.encode())


if __name__ == "__main__":
    main()
