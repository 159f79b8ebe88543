"""The expected titles after a crash, from the journal of the killed process."""

from __future__ import annotations

from typing import Any

from crash_worker import NOT_FOUND, Act

from catalog_model import TitleKey
from catalog_model.entities import AnyTitle
from catalog_model.errors import ConflictError


class Model:
    """The expected titles: for each, all possible values if an answer is missing."""

    def __init__(self, titles: list[AnyTitle]) -> None:
        self._states: dict[TitleKey, set[AnyTitle | None]] = {t.key: {t} for t in titles}
        self._begun: dict[int, Act] = {}
        self._shaken: set[int] = set()
        self._unanswered: list[tuple[TitleKey, set[AnyTitle | None]]] = []
        self._is_down = False
        self.acknowledged = 0
        self.contradictions: list[str] = []

    def replay(self, journal: list[dict[str, Any]]) -> None:
        """Replay the journal of one process from beginning to end."""
        for entry in journal:
            match entry:
                case {"engine": state}:
                    self._is_down = state == "down"
                    self._shaken.update(self._begun)
                case {"begun": number, "act": act}:
                    self._begun[number] = Act(**act)
                    self._shaken |= {number} if self._is_down else set()
                case {"unknown": number}:
                    self._leave_open(self._begun.pop(number))
                case {"done": number, "answer": answer}:
                    self._follow(self._begun.pop(number), answer, shaken=number in self._shaken)
        for act in self._begun.values():
            self._leave_open(act)
        self._begun.clear()
        self._shaken.clear()
        self._is_down = False

    def _leave_open(self, act: Act) -> None:
        """Applied completely or not at all."""
        before = self._before(act)
        after = {act.outcome(state)[0] for state in before}
        self._states[act.key] = before | after
        self._unanswered.append((act.key, after - before))

    def _follow(self, act: Act, answer: str, *, shaken: bool) -> None:
        before = self._before(act)
        if shaken:  # the killed engine forgot the token, so a retry may meet its own first attempt
            before = before | {act.outcome(state)[0] for state in before}
        if answer == ConflictError.__name__:
            self._states[act.key] = before
            return
        outcomes = [act.outcome(state) for state in before]
        self._states[act.key] = {after for after, told in outcomes if told == answer}
        if not self._states[act.key]:
            self.contradictions.append(f"{act} answered {answer}, of {before}")
            self._states[act.key] = {after for after, _ in outcomes}
        self.acknowledged += answer != NOT_FOUND

    def _before(self, act: Act) -> set[AnyTitle | None]:
        return self._states.get(act.key, {None})

    def settle(self, there: dict[TitleKey, AnyTitle]) -> tuple[list[str], int, int]:
        """Compare with the table, and continue from its state.

        Returns what was lost, the number of unanswered writes, and how many of them were applied.
        """
        lost = [
            f"{tuple(key)} is {there.get(key)}, not of {self._states.get(key)}"
            for key in sorted(self._states.keys() | there.keys())
            if there.get(key) not in self._states.get(key, {None})
        ]
        applied = sum(there.get(key) in after for key, after in self._unanswered)
        result = (self.contradictions + lost, len(self._unanswered), applied)
        self._states = {key: {there.get(key)} for key in self._states.keys() | there.keys()}
        self._unanswered, self.contradictions = [], []
        return result
