"""Questions about all requests at once: is there one that ..., and what does it look like."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from llmroute.lint.solver import (
    TRUE,
    All,
    Effort,
    Formula,
    Is,
    Undecided,
    conjunction,
    disjunction,
    negation,
    satisfy,
)
from llmroute.lint.text import fits, text_with
from llmroute.lint.vocabulary import PRIORITIES, Variable, Vocabulary, priority_number
from llmroute.lint.world import Constraint, Rule, World, path_of

__all__ = ["Answer", "Questions", "Way", "steps", "vocabulary_of"]

_MOST_VARIABLES = 200  # of which the plainest value is looked for
_NAMED = {number: name for name, number in PRIORITIES.items()}


@dataclass(frozen=True)
class Answer:
    """A request that was asked for."""

    example: Mapping[str, Any]
    assumes: tuple[str, ...]
    model: tuple[int, ...]


@dataclass(frozen=True)
class Way:
    """One way in which requests come to a place: what must hold, and the rule that sends them."""

    parts: tuple[Formula, ...]
    rule: Rule | None = None


def vocabulary_of(worlds: Iterable[World]) -> Vocabulary:
    """Return the words of some configurations, so that they can be asked the same questions."""
    worlds = list(worlds)
    words = Vocabulary(name for world in worlds for name in world.models)
    for world in worlds:
        for rule in world.rules:
            words.note(rule.when)
        for constraint in world.constraints:
            words.note(constraint.table.get("when"))
            words.note(constraint.table.get("unless"))
        for deployment in world.deployments.values():
            for feature in deployment.lacks:
                words.note_flag(("has", feature))
    words.freeze()
    return words


class Questions:
    """What can be asked about the requests of one configuration.

    Parameters
    ----------
    world : World
        The configuration.
    words : Vocabulary
        Frozen, of this configuration at least.
    effort : Effort
        What all questions together may cost.
    """

    def __init__(self, world: World, words: Vocabulary, effort: Effort) -> None:
        self.world = world
        self.words = words
        self._effort = effort
        self._matches: dict[int, Formula] = {}
        self._misses: dict[int, Formula] = {}
        self._applies: dict[int, Formula] = {}
        self._priorities: list[Formula] | None = None
        self.nowhere: dict[frozenset[int], Formula] = {}  # by constraints: all is closed
        self._sources: dict[str, set[str]] | None = None

    # --- asking -----------------------------------------------------------------------------------

    def find(self, *parts: Formula) -> Answer | None:
        """Find a request for which all parts hold; raises `Undecided`."""
        words = self.words
        model = satisfy([*words.axioms, *parts], words.full, self._effort)
        if model is None:
            return None
        model = self._plainest(model, parts)
        example = self.render(words.choose(model))
        assumed = words.assumed(model, texts="messages" not in example)
        return Answer(example, assumed, tuple(model))

    def _plainest(self, model: list[int], parts: Iterable[Formula]) -> list[int]:
        """Give every variable its plainest value where that is possible, one after another."""
        wanted = [*self.words.axioms, *parts]
        try:
            for variable in range(min(len(model), _MOST_VARIABLES)):
                better = satisfy([*wanted, Is(variable, 1)], self.words.full, self._effort)
                if better is not None:
                    wanted.append(Is(variable, 1))
                    model = better
        except Undecided:
            pass  # an example that is not the plainest is one too
        return model

    def never(self, *parts: Formula) -> bool:
        """Say whether there is no such request; raises `Undecided`."""
        words = self.words
        return satisfy([*words.axioms, *parts], words.full, self._effort) is None

    def no(self, formula: Formula) -> Formula:
        """Return that something does not hold."""
        return negation(formula, self.words.full)

    def without(self, formula: Formula, variable: int) -> Formula:
        """Return a formula that no longer asks anything of one variable."""
        if isinstance(formula, Is):
            return TRUE if formula.variable == variable else formula
        parts = [self.without(part, variable) for part in formula.parts]
        return conjunction(parts) if isinstance(formula, All) else disjunction(parts)

    # --- what a configuration does ----------------------------------------------------------------

    def matches(self, rule: Rule) -> Formula:
        """When a rule matches."""
        if rule.index not in self._matches:
            self._matches[rule.index] = self.words.true_of(rule.when)
        return self._matches[rule.index]

    def misses(self, rule: Rule) -> Formula:
        """When a rule does not match."""
        if rule.index not in self._misses:
            self._misses[rule.index] = self.no(self.matches(rule))
        return self._misses[rule.index]

    def applies(self, constraint: Constraint) -> Formula:
        """When a constraint applies: unless `when` is false or `unless` is true."""
        if constraint.index not in self._applies:
            table = constraint.table
            parts = [self.no(self.words.false_of(table["when"]))] if "when" in table else []
            if "unless" in table:
                parts.append(self.no(self.words.true_of(table["unless"])))
            self._applies[constraint.index] = conjunction(parts)
        return self._applies[constraint.index]

    def asked(self, name: str) -> Formula:
        """Return that the caller asked for a group, by name or because there is no other."""
        only = len(self.world.groups) == 1
        return self.words.literal(
            ("model", ""), lambda value: value == name or (only and value == "")
        )

    def ways_to(self, name: str) -> list[Way]:
        """Return every way to a group: asked for, sent by a rule, an experiment, a budget."""
        return [way for source in self.sources(name) for way in self._ways(source)]

    def ways_by(self, rule: Rule) -> Way:
        """Return the way by one rule that decides where requests go."""
        earlier = [r for r in self.world.routing_rules if r.index < rule.index]
        refused = [self.misses(r) for r in earlier]
        return Way((self.matches(rule), *refused), rule)

    def let_in(self) -> Formula:
        """Return that no rule refuses a request or hands it to a person."""
        refusing = [r for r in self.world.routing_rules if (r.place or "")[0] in _REFUSALS]
        return conjunction(self.no(conjunction(self.ways_by(r).parts)) for r in refusing)

    def _ways(self, name: str) -> list[Way]:
        rules = self.world.routing_rules
        found = [Way((self.asked(name), *(self.misses(r) for r in rules)))]
        found += [self.ways_by(r) for r in rules if r.place in (("group", name), ("pin", name))]
        return found

    def sources(self, name: str) -> list[str]:
        """Return the groups whose requests may be sent on to one, itself first."""
        if self._sources is None:
            self._sources = {}
            for _, source, target in steps(self.world):
                self._sources.setdefault(target, set()).add(source)
        found = [name]
        for known in found:
            found += [s for s in sorted(self._sources.get(known, ())) if s not in found]
        return found

    def priority_axioms(self) -> list[Formula]:
        """Tie the priority that counts to the one given and to rules; only those that are used."""
        if self._priorities is None:
            self._priorities = self._tie_priorities()
        return self._priorities

    def _tie_priorities(self) -> list[Formula]:
        rules = [rule for rule in self.world.acting if "priority" in rule.then]
        parts: list[Formula] = []
        before: list[Formula] = []  # matched by an earlier rule
        used = set(PRIORITIES.values())
        for rule in rules:
            number = priority_number(rule.then["priority"])
            used.add(number)
            parts.append(disjunction([*before, self.misses(rule), self.serves({number})]))
            before.append(self.matches(rule))
        for number in sorted(range(10), key=lambda n: n != PRIORITIES["standard"]):
            other = self.no(self.words.literal(("priority", ""), number.__eq__))
            parts.append(disjunction([self.serves({number}), other, *before]))
        parts.append(self.serves(used))
        return parts

    def serves(self, priorities: Iterable[int]) -> Formula:
        """Return that the priority that counts is one of these."""
        some = set(priorities)
        return self.words.literal(("effective_priority", ""), lambda value: value in some)

    # --- examples ---------------------------------------------------------------------------------

    def render(self, chosen: Mapping[Variable, Any]) -> dict[str, Any]:
        """Write a request in the form of ``routing_tests.given``."""
        given: dict[str, Any] = {}
        if chosen[("model", "")]:
            given["model"] = chosen[("model", "")]
        for (kind, name), value in chosen.items():
            if value is None or value is False:
                continue
            if kind in _TABLES:
                given.setdefault(_TABLES[kind], {})[name] = value
            elif kind in _LISTS:
                given.setdefault(_LISTS[kind], []).append(name)
            elif kind in _NUMBERS and value != 1:
                given[kind] = value
        if chosen[("priority", "")] != PRIORITIES["standard"]:
            number = chosen[("priority", "")]
            given["priority"] = _NAMED.get(number, number)
        moment = chosen.get(("time", ""))
        if isinstance(moment, datetime):
            given["at"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        messages = _messages(chosen)
        return {**given, "messages": messages} if messages is not None else given


_REFUSALS = {"reject", "human"}
_TABLES = {"metadata": "metadata", "header": "headers", "score": "scores"}
_LISTS = {"tag": "tags", "has": "has"}
_NUMBERS = {"region", "language", "max_output_tokens", "prompt_tokens"}
_MOST_MESSAGES = 20


def steps(world: World) -> list[tuple[str, str, str]]:
    """Return where requests of a group may be sent instead: path, from, to."""
    found = []
    for name, experiment in world.experiments:
        if experiment.get("mode", "apply") != "apply" or experiment.get("kind") == "shadow":
            continue
        for i, arm in enumerate(experiment.get("arms", ())):
            if "group" in arm and arm.get("share", 0) > 0:
                path = path_of("experiments", name, "arms", i, "group")
                found.append((path, str(experiment.get("group")), str(arm["group"])))
    for name, budget in world.table("budgets").items():
        groups = budget.get("groups", ())
        every = list(world.groups) if "*" in groups or not groups else groups
        for i, step in enumerate(budget.get("at", ())):
            path = path_of("budgets", name, "at", i, "group")
            found += [(path, str(group), str(step["group"])) for group in every]
    return found


def _messages(chosen: Mapping[Variable, Any]) -> Any:
    """Return a text with what is wanted and nothing of the rest; None where none was found."""
    if any(kind in ("keyword", "regex") and v is None for (kind, _), v in chosen.items()):
        return None  # one that is too long to be read to its end
    wanted = [name for (kind, name), value in chosen.items() if kind == "keyword" and value]
    unwanted = [name for (kind, name), v in chosen.items() if kind == "keyword" and v is False]
    patterns = {name: value for (kind, name), value in chosen.items() if kind == "regex"}
    count = chosen.get(("messages", ""), 1)
    text = text_with(wanted, [name for name, value in patterns.items() if value])
    if text is None or count > _MOST_MESSAGES:
        return None
    words = f" {' '.join(re.findall(r'[^ ]+', text.casefold()))} "
    if any(f" {phrase} " in words for phrase in unwanted):
        return None
    if any(value is False and fits(name, text) for name, value in patterns.items()):
        return None
    if count > 1:
        return [{"role": "user", "content": text or "hello"} for _ in range(count)]
    return text or "hello"
