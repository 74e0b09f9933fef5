"""How an endpoint wants to be asked: found out with the first calls of a run, and kept for the others."""

from __future__ import annotations

from dataclasses import dataclass, replace

from axolotl_ragdata.structured import MODES, Mode

NEWER_LENGTH_KEY = "max_completion_tokens"
"""What newer models of OpenAI want in place of `max_tokens`."""
MISFITS = 3
"""Answers in a row that do not fit, before one that does, after which JSON is asked for in another way."""
HOPELESS = 50
"""Answers that do not fit in the last way of asking, before any that does, after which the run ends."""
MAY_BE_THE_FORMAT = (400, 422, 501)
FORMAT_WORDS = ("response_format", "json_schema", "json_object", "structured", "schema", "grammar", "json mode")


@dataclass(frozen=True)
class Form:
    """How JSON is asked for, and what the upper bound of a completion is called."""

    mode: Mode = "json_schema"
    length_key: str = "max_tokens"


class Forms:
    """The form in which calls are made: `form`.

    It is changed by what the endpoint makes of the first calls, and kept from the first answer on that fits its schema.
    A call that was made in a form given up since is made again.
    """

    def __init__(self) -> None:
        self.form = Form()
        self._misfits = 0
        self._fits = False

    @property
    def is_hopeless(self) -> bool:
        """Whether no way of asking for JSON brought an answer that fits."""
        return self.form.mode == MODES[-1] and self._misfits >= HOPELESS

    def fits(self) -> None:
        """Hear that an answer fits its schema."""
        self._misfits, self._fits = 0, True

    def is_refused(self, form: Form, status: int, said: str, has_schema: bool) -> bool:
        """Return whether a refused call is to be made again, in the form that stands now: its own was refused."""
        if status not in MAY_BE_THE_FORMAT:
            return False
        if form != self.form:
            return True
        if NEWER_LENGTH_KEY in said and form.length_key != NEWER_LENGTH_KEY:
            self.form = replace(form, length_key=NEWER_LENGTH_KEY)
        elif has_schema and form.mode != MODES[-1] and about_format(said):
            self.form = _lower(form)
        return form != self.form

    def is_misfit(self, form: Form) -> bool:
        """Return whether a call whose answer does not fit is to be made again, in the form that stands now."""
        if form == self.form and not self._fits:
            self._misfits += 1
            if self._misfits >= MISFITS and form.mode != MODES[-1]:
                self.form, self._misfits = _lower(form), 0
        return form != self.form


def _lower(form: Form) -> Form:
    return replace(form, mode=MODES[MODES.index(form.mode) + 1])


def about_format(said: str) -> bool:
    """Return whether a refusal is about how JSON was asked for."""
    low = said.lower()
    return any(word in low for word in FORMAT_WORDS)
