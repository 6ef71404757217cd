"""What requests can be told apart by: the variables that conditions speak of, and their values.

Of every variable a few values stand for all: those that are named, numbers at and beside every
bound, one that is nothing of this, and absence. Conditions of one configuration (or of two, to
compare them) cannot tell more apart, so that a question answered over these values is answered for
all requests. Times are moments of four weeks of a year, one for each way in which clocks of the
world stand to each other. Of what cannot be enumerated (a pattern, a keyword) only whether it is
met is a variable.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from llmroute.lint import clock
from llmroute.lint.solver import FALSE, TRUE, Formula, Is, conjunction, disjunction

__all__ = [
    "PRIORITIES",
    "Variable",
    "Vocabulary",
    "fits_region",
    "priority_number",
    "words_of",
]

Variable = tuple[str, str]
"""Kind and name: ("metadata", "plan"), ("tag", "beta"), ("model", "")."""
Value = Any
Test = Callable[[Value], bool | None]
"""Of a value: whether a predicate holds; None: unknown, for there is nothing."""

PRIORITIES: Final = {"interactive": 2, "standard": 5, "batch": 8}
_INTEGERS: Final = ("messages", "prompt_tokens", "max_output_tokens")
_RANGES: Final = {"above", "at_least", "below", "at_most"}
_OTHER: Final = "other"
_PLURALS: Final = {"tag": "tags", "keyword": "keywords", "score": "scores"}
_WITH: Final = {True: "with", False: "without"}
_OPAQUE: Final = {"regex", "keyword", "score", "language"}


def words_of(value: Any) -> list[Any]:
    """Return what may be one or several as a list."""
    return list(value) if isinstance(value, list) else [value]


def priority_number(value: Any) -> int:
    """Return 0 to 9 for a word or digit; 5 for what is neither."""
    if isinstance(value, str):
        return PRIORITIES.get(value, int(value) if value.isdigit() and len(value) == 1 else 5)
    return value if isinstance(value, int) and 0 <= value <= 9 else 5


class Vocabulary:
    """Collects variables and values from conditions, then turns conditions into formulas.

    First every condition is given to `note`, then `freeze` fixes the values; from then on `true_of`
    and `false_of` work.
    """

    def __init__(self, models: Iterable[str]) -> None:
        self._models = list(dict.fromkeys(models))
        self._words: dict[Variable, dict[str, None]] = {}
        self._bounds: dict[Variable, set[float]] = {}
        self._windows: dict[str, clock.Window] = {}
        self._index: dict[Variable, int] = {}
        self._values: list[list[Value]] = []
        self.full: list[int] = []
        self.axioms: list[Formula] = []

    # --- collecting -------------------------------------------------------------------------------

    def note(self, condition: Any) -> None:
        """Take the variables and values of a condition."""
        for variable, how in _leaves(condition):
            words = self._words.setdefault(variable, {})
            kind = variable[0]
            if kind == "time":
                window = clock.window_of(how)
                self._windows[repr(how)] = window
            elif isinstance(how, dict):
                self._bounds.setdefault(variable, set()).update(_ends(how))
            elif isinstance(how, list):
                words.update(dict.fromkeys(str(word) for word in how if kind != "priority"))

    def note_flag(self, variable: Variable) -> None:
        """Add something that a request has or has not."""
        self._words.setdefault(variable, {})

    def freeze(self) -> None:
        """Fix all values."""
        always = [(kind, "") for kind in ("priority", "effective_priority", "model")]
        for variable in dict.fromkeys([*always, *self._words]):
            self._index[variable] = len(self._values)
            values = self._domain(variable)
            self._values.append(values)
            self.full.append((1 << len(values)) - 1)
        self._relate_formats()
        self._relate_keywords()

    def _domain(self, variable: Variable) -> list[Value]:
        kind, _ = variable
        words = list(self._words.get(variable, ()))
        bounds = sorted(self._bounds.get(variable, ()))
        if kind == "model":
            return list(dict.fromkeys([*self._models, *words, ""]))
        if kind in ("priority", "effective_priority"):
            return [5, 2, 8, 0, 1, 3, 4, 6, 7, 9]
        if kind == "time":
            return list(clock.moments(list(self._windows.values())))
        if kind in _INTEGERS:
            return _integers(bounds, absent=kind == "max_output_tokens")
        if kind == "region":
            return [None, _OTHER, *_regions(words)]
        if kind == "score":
            return [None, *words, *(float(text) for text in _numbers(bounds)), _OTHER]
        if kind in ("metadata", "header"):
            return [None, _OTHER, *dict.fromkeys([*words, *_numbers(bounds)])]
        if kind == "language":
            return [None, _OTHER, *words]
        # The end of a very long text is not read: then nobody knows.
        return [False, True, None] if kind in ("keyword", "regex") else [False, True]

    def _relate_formats(self) -> None:
        """Say that an answer has one format."""
        both = [("has", "json_schema"), ("has", "json_object")]
        if all(variable in self._index for variable in both):
            self.axioms.append(disjunction(self.flag(variable, False) for variable in both))

    def _relate_keywords(self) -> None:
        """Say that a phrase holds the words that it is made of."""
        phrases = [(v, v[1].split()) for v in self._index if v[0] == "keyword"]
        for longer, words in phrases:
            for shorter, part in phrases:
                if len(part) >= len(words) or not _within(part, words):
                    continue
                absent = self.literal(longer, lambda value: value is not True)
                self.axioms.append(disjunction([absent, self.flag(shorter, True)]))

    # --- formulas ---------------------------------------------------------------------------------

    def literal(self, variable: Variable, test: Test, wanted: bool = True) -> Formula:
        """Return that a predicate over one variable is surely true, or surely false."""
        index = self._index[variable]
        mask = 0
        for bit, value in enumerate(self._values[index]):
            mask |= (test(value) is wanted) << bit
        if mask == self.full[index]:
            return TRUE
        return Is(index, mask) if mask else FALSE

    def flag(self, variable: Variable, value: bool) -> Formula:
        """Return that a variable of two values has this one."""
        return self.literal(variable, lambda v: v is value)

    def true_of(self, condition: Any) -> Formula:
        """Return when a condition is true; without one: always."""
        return self._of(condition, True)

    def false_of(self, condition: Any) -> Formula:
        """Return when a condition is false; unknown is neither."""
        return self._of(condition, False)

    def _of(self, condition: Any, wanted: bool) -> Formula:
        if not isinstance(condition, dict):
            return TRUE if wanted else FALSE
        parts: list[Formula] = []
        for key, value in condition.items():
            if key in ("all", "any"):
                inner = [self._of(part, wanted) for part in value]
                parts.append(conjunction(inner) if (key == "all") is wanted else disjunction(inner))
            elif key == "not":
                parts.append(self._of(value, not wanted))
            else:
                parts += [self._leaf(leaf, how, wanted) for leaf, how in _group(key, value)]
        return conjunction(parts) if wanted else disjunction(parts)

    def _leaf(self, some: list[Variable], how: Any, wanted: bool) -> Formula:
        tests = [self.literal(variable, _test(variable, how), wanted) for variable in some]
        return disjunction(tests) if wanted else conjunction(tests)

    # --- examples ---------------------------------------------------------------------------------

    def choose(self, model: list[int]) -> dict[Variable, Value]:
        """Return the plainest value of every variable."""
        chosen = {}
        for variable, index in self._index.items():
            mask = model[index]
            chosen[variable] = self._values[index][(mask & -mask).bit_length() - 1]
        return chosen

    def assumed(self, model: list[int], *, texts: bool) -> tuple[str, ...]:
        """Return what a solution takes as possible; of texts only where none was made up."""
        found = []
        chosen = self.choose(model)
        for variable, index in self._index.items():
            kind, name = variable
            if kind in _OPAQUE and model[index] != self.full[index]:
                value = chosen[variable]
                if kind in ("regex", "keyword"):
                    if not texts:
                        continue
                    how = "too long to be searched for" if value is None else _WITH[value]
                    found.append(f"a text {how} {kind} {name!r}")
                elif value is not None:
                    found.append(f"{kind} {name or value!r}".strip())
        return tuple(found)

    def names(self, some: Iterable[int]) -> list[str]:
        """Return how a person calls some variables, by index."""
        by_index = {index: variable for variable, index in self._index.items()}
        return [_name(by_index[i]) for i in sorted(some)]

    def names_in(self, condition: Any) -> list[str]:
        """Return how a person calls what a condition looks at: what cannot be met, or all of it."""
        leaves = list(_leaves(condition))
        unmet = [v for v, how in leaves if self.literal(v, _test(v, how)) is FALSE]
        return list(dict.fromkeys(_name(v) for v in unmet or [v for v, _ in leaves]))


# --- leaves ---------------------------------------------------------------------------------------


def _group(key: str, value: Any) -> list[tuple[list[Variable], Any]]:
    """Return the predicates of one key: of each, the variables of which one has to pass."""
    if key in ("metadata", "header", "scores"):
        if not isinstance(value, dict):
            return []
        kind = {"scores": "score"}.get(key, key)
        return [([(kind, _key(kind, name))], _match(how)) for name, how in value.items()]
    if key in ("intent", "sentiment", "complexity"):
        return [([("score", key)], _match(value))]
    if key == "has":
        return [([("has", str(word)) for word in words_of(value)], True)]
    if key == "tags":
        return [([("tag", str(word)) for word in words_of(value)], True)]
    if key == "keywords":
        return [([("keyword", _fold(word)) for word in words_of(value)], True)]
    if key == "regex":
        return [([("regex", str(word)) for word in words_of(value)], True)]
    return [([(key, "")], _match(value))]


def _name(variable: Variable) -> str:
    kind, name = variable
    return f"{_PLURALS.get(kind, kind)}.{name}" if name else kind


def _leaves(condition: Any) -> Iterable[tuple[Variable, Any]]:
    if not isinstance(condition, dict):
        return
    for key, value in condition.items():
        if key in ("all", "any"):
            for part in words_of(value):
                yield from _leaves(part)
        elif key == "not":
            yield from _leaves(value)
        else:
            for some, how in _group(key, value):
                yield from ((variable, how) for variable in some)


def _match(how: Any) -> Any:
    return how if isinstance(how, (dict, bool)) else words_of(how)


def _key(kind: str, name: str) -> str:
    return name.lower() if kind == "header" else name


def _fold(word: Any) -> str:
    return " ".join(str(word).casefold().split())


def _test(variable: Variable, how: Any) -> Test:
    kind = variable[0]
    if kind == "time":
        window = clock.window_of(how)
        return lambda moment: clock.holds(window, moment)
    if isinstance(how, bool):
        if kind in ("metadata", "header", "score"):
            return lambda value: (value is not None) is how
        return lambda value: None if value is None else value is how
    if kind == "priority":
        numbers = {priority_number(word) for word in how}
        return lambda value: value in numbers
    if kind == "region":
        return lambda value: None if value is None else any(fits_region(value, str(p)) for p in how)
    if isinstance(how, dict):
        return lambda value: None if value is None else _inside(value, how)
    words = {str(word) for word in how}
    # A number where words are expected, or the reverse, is nothing that is known.
    return lambda value: None if value is None or isinstance(value, float) else value in words


def _inside(value: Any, how: Mapping[str, float]) -> bool | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return (
        number > how.get("above", -math.inf)
        and number >= how.get("at_least", -math.inf)
        and number < how.get("below", math.inf)
        and number <= how.get("at_most", math.inf)
    )


def fits_region(region: str, pattern: str) -> bool:
    """Say whether a region is that of a pattern, which may end in ``*``."""
    region, pattern = region.lower(), pattern.lower()
    return region.startswith(pattern[:-1]) if pattern.endswith("*") else region == pattern


# --- values that stand for all --------------------------------------------------------------------


def _ends(how: Mapping[str, Any]) -> list[float]:
    return [float(end) for key, end in how.items() if key in _RANGES]


def _integers(bounds: Iterable[float], *, absent: bool) -> list[int | None]:
    around = {1}
    for bound in bounds:
        low = math.floor(bound)
        around.update(max(1, number) for number in (low - 1, low, low + 1, low + 2))
    numbers: list[int | None] = [*sorted(around)]
    return [None, *numbers] if absent else numbers


def _numbers(bounds: list[float]) -> list[str]:
    """Return the bounds and what lies between and beyond them, as texts."""
    if not bounds:
        return []
    found = [bounds[0] - 1, bounds[-1] + 1, *bounds]
    found += [(low + high) / 2 for low, high in itertools.pairwise(bounds)]
    return [f"{number:.12g}" for number in sorted(found)]


def _regions(patterns: list[str]) -> list[str]:
    """Return for each pattern a region that fits it and no narrower one."""
    found: dict[str, None] = {}
    for pattern in patterns:
        if not pattern.endswith("*"):
            found[pattern] = None
            continue
        narrower = [p for p in patterns if p != pattern and p.startswith(pattern[:-1])]
        for end in ("central", "west", "east", "1", "zz"):
            region = pattern[:-1] + end
            if not any(fits_region(region, other) for other in narrower):
                found[region] = None
                break
    return list(found)


def _within(part: list[str], words: list[str]) -> bool:
    return any(words[i : i + len(part)] == part for i in range(len(words) - len(part) + 1))
