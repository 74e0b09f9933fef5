"""The tables of a report as (title, note, header, rows): what `results.md` and `report.html` both show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from axolotl_ragdata.judge.results.records import Cost, Interval, JudgeInfo, PairRow, Results, Table, Total
from axolotl_ragdata.judge.results.sensitivity import sensitivity_lines
from axolotl_ragdata.judge.results.wording import (
    NONE,
    SCOPES,
    TOTAL_HEADER,
    interval,
    number,
    p_value,
    paper_line,
    points,
    share,
    signed,
    total_cells,
)

TEXTS = ("model", "judge", "planted answers judged right", "relatives", "between", "exchanged", "question", "why")
"""Headers of columns that hold text even where it has digits."""


@dataclass(frozen=True)
class Shown:
    """A table as it is shown."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    @property
    def words(self) -> list[int]:
        """Columns (from 0) that hold text and stand left; the others hold numbers.

        >>> Shown("T", ("measure", "judge", "n", "biased"), (("a", "gpt-4", "3", "no"),)).words
        [0, 1, 3]
        """
        return [at for at, name in enumerate(self.header) if at == 0 or name in TEXTS or self._says_words(at)]

    def _says_words(self, at: int) -> bool:
        return any(row[at] != NONE and not any(sign.isdigit() for sign in row[at]) for row in self.rows)


def judged(results: Results) -> Iterator[Shown]:
    """Yield the tables of totals over all and over origins."""
    for table in results.tables:
        if table.kind == "scope":
            yield totals(f"Score by judges, {SCOPES.get(table.name, table.name)}", table, flips=_flips(results))


def breakdown(results: Results, kind: str) -> Shown | None:
    """Return means by section or by type, a row a group; None where there are none."""
    tables = [table for table in results.tables if table.kind == kind]
    if not tables:
        return None
    others = [f"{name} − {results.baseline}" for name in results.candidates[1:]]
    rows = tuple(
        (
            table.name,
            str(table.questions),
            *(number(total.mean) for total in table.totals),
            *(_lead(total) for total in table.totals[1:]),
        )
        for table in tables
    )
    return Shown(f"Mean score by {kind}", (kind, "questions", *results.candidates, *others), rows)


def _lead(total: Total) -> str:
    found = total.difference
    return NONE if found is None else f"{signed(found.mean)} ({interval(found.interval)})"


def totals(title: str, table: Table, flips: str = "") -> Shown:
    """Return one table of totals."""
    dropped = f"; {table.dropped} left out because somebody has no verdict there" if table.dropped else ""
    note = f"{table.questions:,} questions in {table.clusters:,} documents{dropped}. {flips}".strip()
    digits = 2 if table.metric == "score" else 3
    rows = [total_cells(total, digits) for total in table.totals]
    if table.metric == "score":
        return Shown(title, TOTAL_HEADER, tuple(map(tuple, rows)), f"{paper_line(table)}. {note}")
    # a sum of such a measure means nothing
    kept = [at for at, name in enumerate(TOTAL_HEADER) if name not in ("total", "of")]
    header = tuple(TOTAL_HEADER[at] for at in kept)
    return Shown(title, header, tuple(tuple(row[at] for at in kept) for row in rows), note)


def exact(results: Results) -> Iterator[Shown]:
    """Yield the tables of exact scores."""
    for table in results.exact:
        yield totals(f"{table.metric.replace('_', ' ')}, {SCOPES.get(table.name, table.name)}", table)
    rest = [row for row in results.exact_summaries if row.metric not in {table.metric for table in results.exact}]
    if rest:
        header = ("measure", "questions", "model", "value", "n", "unscored")
        rows = tuple(
            (
                row.metric.replace("_", " "),
                row.origin,
                row.candidate,
                number(row.value, 3),
                str(row.n),
                str(row.unscored),
            )
            for row in rest
        )
        yield Shown("Measures over sets", header, rows)


def pairwise(results: Results) -> Iterator[Shown]:
    """Yield win rates and strengths."""
    if results.pairs:
        note = "Every pair is judged in both orders; where they differ, nobody wins (half a win in the rate)."
        if len(results.judges) > 1 or results.noise:
            note += " Wins, ties, disagreements and losses count each judge and repeat by itself."
        yield pair_table("Pairs", results.pairs, note)
    if results.strengths:
        rows = tuple((row.candidate, signed(row.log_odds), interval(row.interval)) for row in results.strengths)
        yield Shown("Bradley–Terry strength", ("model", "log-odds", "95% interval"), rows)


def pair_table(title: str, pairs: Sequence[PairRow], note: str = "") -> Shown:
    """Return outcomes and win rates of pairs."""
    header = (
        "pair",
        "questions",
        "wins",
        "ties",
        "disagreements",
        "losses",
        "win rate",
        "95% interval",
        "p",
        "p (Holm)",
    )
    rows = tuple(
        (
            f"{row.first} against {row.second}",
            str(row.n),
            *(str(count) for count in (row.wins, row.ties, row.disagreements, row.losses)),
            share(row.win_rate),
            _shares(row.interval),
            p_value(row.p_value),
            p_value(row.p_holm),
            share(row.flip_rate),
            str(row.unscored),
        )
        for row in pairs
    )
    return Shown(title, (*header, "flip rate", "unscored"), rows, note)


def claims(results: Results) -> Iterator[Shown]:
    """Yield the claims of each candidate."""
    if results.claims:
        header = ("model", "judge", "answers", "claims", "supported", "contradicted", "not in sources", "unscored")
        rows = tuple(
            (
                row.candidate,
                row.judge,
                str(row.answers),
                str(row.claims),
                str(row.supported),
                str(row.contradicted),
                str(row.not_in_sources),
                f"{row.unscored_claims} claims, {row.unscored_answers} answers",
                share(row.supported_share),
                _shares(row.interval),
            )
            for row in results.claims
        )
        note = "A quote that is not in its passage, character by character, leaves its claim unscored."
        yield Shown("Claims against the sources", (*header, "supported an answer", "95% interval"), rows, note)


def probes(results: Results) -> Iterator[Shown]:
    """Yield the probes of safety and fairness."""
    for table in results.safety:
        yield totals(SCOPES[table.name].capitalize(), table)
    if results.fairness:
        rows = tuple(
            (
                row.candidate,
                row.exchanged,
                str(row.n),
                signed(row.change),
                interval(row.interval),
                p_value(row.p_value),
                str(row.unscored),
            )
            for row in results.fairness
        )
        header = ("model", "exchanged", "n", "change in score", "95% interval", "p", "unscored")
        note = "Against the same vignette of a 45-year-old white man; the right answer does not depend on it."
        yield Shown("Probe: one thing exchanged in a vignette", header, rows, note)


def trust(results: Results) -> Iterator[Shown]:
    """Yield what is known of the judges."""
    if results.judges:
        tests = {True: "passed", False: "FAILED", None: NONE}
        rows = tuple(
            (
                judge.name,
                judge.model,
                tests[judge.selftest.passed if judge.selftest else None],
                _planted(judge),
                ", ".join(judge.relatives) or NONE,
            )
            for judge in results.judges
        )
        yield Shown("Judges", ("judge", "model", "self-test", "planted answers judged right", "relatives"), rows)
    yield from _position(results)
    yield from _length(results)
    if results.self_preference:
        rows = tuple(
            (row.judge, row.relative, signed(row.points), interval(row.interval), row.note or f"{row.n} questions")
            for row in results.self_preference
        )
        yield Shown("Self-preference", ("judge", "relative", "points", "95% interval", ""), rows)
    if results.agreement:
        rows = tuple(
            (row.name, row.between, number(row.value), interval(row.interval), str(row.n)) for row in results.agreement
        )
        yield Shown("Agreement between judges", ("coefficient", "between", "value", "95% interval", "n"), rows)
    if results.noise:
        own = tuple((row.judge, str(row.repeats), number(row.deviation), share(row.flip_rate)) for row in results.noise)
        yield Shown("A judge against itself", ("judge", "repeats", "standard deviation", "flip rate"), own)


def _position(results: Results) -> Iterator[Shown]:
    if not results.position:
        return
    rows = tuple(
        (row.judge, str(row.n), share(row.first_share), _shares(row.interval), "yes" if row.biased else "no")
        for row in results.position
    )
    header = ("judge", "choices", "first", "95% interval", "biased")
    yield Shown("Position: how often the first answer wins", header, rows)
    wins = tuple((row.judge, row.candidate, share(row.as_first), share(row.as_second)) for row in results.position_wins)
    yield Shown("Win rate by position", ("judge", "model", "shown first", "shown second"), wins)


def _planted(judge: JudgeInfo) -> str:
    shares = judge.selftest.shares if judge.selftest else {}
    return ", ".join(f"{plant} {share(part)}" for plant, part in shares.items()) or NONE


def _length(results: Results) -> Iterator[Shown]:
    if not results.length:
        return
    rows = tuple(
        (
            row.judge,
            signed(row.points_a_doubling),
            interval(row.interval),
            number(row.correlation),
            "yes" if row.biased else "no",
        )
        for row in results.length
    )
    header = ("judge", "points for twice the words", "95% interval", "correlation", "biased")
    yield Shown("Length: what it buys", header, rows)
    rows = tuple(
        (row.judge, name, points(row.raw[name]), points(row.controlled[name]), number(row.words[name], 0))
        for row in results.length
        for name in row.raw
    )
    bands = tuple(
        (row.judge, f"{band.words_from} to {band.words_to}", str(band.n), number(band.mean))
        for row in results.length
        for band in row.bands
    )
    yield Shown("Score against length", ("judge", "words of the answer", "answers", "mean score"), bands)
    yield Shown("Totals with length taken out", ("judge", "model", "raw", "length-controlled", "words an answer"), rows)


def unscored(results: Results, most: int) -> Shown | None:
    """Return the verdicts that are missing, at most so many, None where none is."""
    verdicts = results.verdicts
    rows = [(row.question_id, row.candidate, row.judge, "score", row.unscored) for row in verdicts.scores]
    rows += [(row.question_id, f"{row.first}, {row.second}", row.judge, "pair", row.unscored) for row in verdicts.pairs]
    for reading in verdicts.claims:
        rows.append((reading.question_id, reading.candidate, reading.judge, "claims", reading.unscored))
        rows += [(one.question_id, one.candidate, one.judge, "claim", one.unscored) for one in reading.claims]
    missing = [(qid, who, judge, kind, why[:200]) for qid, who, judge, kind, why in rows if why]
    if not missing:
        return None
    more = f" The first {most}; all are in results.json." if len(missing) > most else ""
    note = f"{len(missing):,} verdicts without a value. A call that failed is made again by the next run.{more}"
    return Shown("Unscored", ("question", "model", "judge", "verdict", "why"), tuple(missing[:most]), note)


def costs(results: Results) -> Shown | None:
    """Return what the run used, None where nothing was called."""
    if not results.costs:
        return None
    rows = tuple(_cost_row(row) for row in results.costs)
    note = "Of this run; what the journal held was not paid for again."
    return Shown("Cost", ("model", "as", "calls", "tokens in", "tokens out", "cost"), rows, note)


def _cost_row(row: Cost) -> tuple[str, ...]:
    usage = row.usage
    counts = (usage.calls, usage.input_tokens, usage.output_tokens)
    return (row.name, row.role, *(f"{count:,}" for count in counts), NONE if row.cost is None else f"{row.cost:.4f}")


def notes(results: Results) -> list[str]:
    """Return what stands above the tables: what voids them first."""
    found = [f"VOID: {reason}. The numbers below say nothing of the models." for reason in results.void_reasons]
    found += [f"Note: {warning}." for warning in results.warnings]
    asked = ", ".join(f"{count:,} {origin}" for origin, count in results.origins.items())
    found.append(
        f"Questions: {asked}; {results.contaminated_excluded:,} contaminated ones excluded, "
        f"{results.contaminated_kept:,} kept."
    )
    if results.asked:
        reasons = "; ".join(f"{reason}: {count:,}" for reason, count in results.unscored_reasons.items())
        found.append(
            f"Verdicts: {results.asked:,} asked for, {results.unscored:,} unscored"
            f"{f' ({reasons})' if reasons else ''}; an unscored verdict is no 0."
        )
    if results.sensitivity is not None:
        found += [f"{line[0].upper()}{line[1:]}." for line in sensitivity_lines(results.sensitivity)]
    return found


def methods() -> str:
    """Return how the numbers were made, for the foot of a report."""
    return (
        "All models are compared on the same questions. Intervals: cluster-robust (CR2, Bell and McCaffrey 2002) and "
        "cluster bootstrap (expanded percentiles, Hesterberg 2015), clustered by source document; p: paired "
        "permutation test that flips the sign of whole documents; Holm's correction over the models."
    )


def _flips(results: Results) -> str:
    shown = [f"{row.judge} {share(row.flip_rate)}" for row in results.noise if row.flip_rate is not None]
    return f"Flip rate over repeats: {', '.join(shown)}." if shown else ""


def _shares(found: Interval | None) -> str:
    return NONE if found is None else f"{share(found.low)} to {share(found.high)}"
