"""Decisions for people: text for a terminal, HTML for a notebook, one sentence for "why not?".

A decision is made by the core, stage by stage, and handed over as one JSON document; this module
only reads it. Nothing here is rebuilt from logs.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Decision", "render"]


class Decision:
    """Why a request went where it went: every candidate, every attempt, every cost.

    Parameters
    ----------
    document : str
        The core's JSON document; its schema is ``docs/decision.schema.json``.
    why_not : callable, optional
        The core's own answer to `why_not`, where the decision came from it.

    Examples
    --------
    >>> print(reply.decision)                                      # doctest: +SKIP
    >>> reply.decision.why_not("openai/gpt-4o-mini")               # doctest: +SKIP
    """

    __slots__ = ("_document", "_value", "_why_not")

    def __init__(self, document: str, why_not: Callable[[str], str] | None = None) -> None:
        self._document = document
        self._value: dict[str, Any] | None = None
        self._why_not = why_not

    def to_dict(self) -> dict[str, Any]:
        """Return the whole decision as plain data; milliseconds, tokens and US dollars as named."""
        if self._value is None:
            value: dict[str, Any] = json.loads(self._document)
            self._value = value
        return self._value

    def to_json(self) -> str:
        """Return the same as JSON text."""
        return self._document

    def why_not(self, deployment: str) -> str:
        """Say in one sentence why `deployment` did not answer, or that it did.

        Parameters
        ----------
        deployment : str
            Name of a deployment.

        Returns
        -------
        str
            A name that was never a candidate gets the nearest one that was.
        """
        if self._why_not is None:
            raise ValueError("this decision was read back from JSON; ask one that a router made")
        return self._why_not(deployment)

    @property
    def request_id(self) -> str:
        """Id of the request, unique within its router."""
        return str(self.to_dict()["request_id"])

    @property
    def status(self) -> str:
        """``ok``, ``failed``, ``cancelled``, or ``pending`` for one that only explains."""
        return str(self.to_dict()["status"])

    @property
    def attempts(self) -> list[dict[str, Any]]:
        """The attempts in order."""
        attempts: list[dict[str, Any]] = self.to_dict()["attempts"]
        return attempts

    @property
    def candidates(self) -> list[dict[str, Any]]:
        """Every deployment that was looked at, kept or dropped."""
        candidates: list[dict[str, Any]] = self.to_dict()["candidates"]
        return candidates

    @property
    def dropped_parameters(self) -> list[str]:
        """Parameters that the answering deployment's dialect could not carry."""
        for attempt in reversed(self.attempts):
            if attempt["status"] == "ok":
                return list(attempt["dropped_parameters"])
        return []

    def __repr__(self) -> str:
        return f"<Decision {self.request_id} {self.status}>"

    def __str__(self) -> str:
        return render(self.to_dict())

    def _repr_html_(self) -> str:
        return _html(self.to_dict())

    def __reduce__(self) -> tuple[Any, ...]:
        return (Decision, (self._document,))


def format_ms(ms: float | None) -> str:
    """Write milliseconds as a person would say them."""
    if ms is None:
        return "?"
    if ms < 1:
        return f"{ms * 1000:.0f} us"
    if ms < 1000:
        return f"{ms:.0f} ms"
    return f"{ms / 1000:.1f} s"


def format_usd(cost: dict[str, Any]) -> str:
    """Write a cost with its kind; an unknown one never looks like zero."""
    if cost["kind"] == "unknown" or cost["usd"] is None:
        return "cost unknown"
    usd = cost["usd"]
    digits = f"{usd:.2f}" if usd >= 1 or usd == 0 else f"{usd:.2g}" if usd >= 1e-4 else f"{usd:.1e}"
    return f"{digits} USD {cost['kind']}"


def _headline(value: dict[str, Any]) -> str:
    count = len(value["attempts"])
    attempts = f"{count} attempt{'' if count == 1 else 's'}"
    status = value["status"]
    if status == "pending":
        kept = [c for c in value["candidates"] if c["rank"] == 0]
        return f"would go to {kept[0]['deployment']}" if kept else "would find no deployment"
    if status == "ok" and value.get("cache", {}).get("status") == "hit":
        return f"ok from cache   {format_ms(value['total_ms'])}   {format_usd(value['cost'])}"
    if status == "ok":
        via = f"ok via {value['chosen']}"
        return f"{via}   {attempts}   {format_ms(value['total_ms'])}   {format_usd(value['cost'])}"
    failure = value.get("failure") or {}
    what = f"{status}: {failure.get('kind', status)}" if status == "failed" else status
    return f"{what}   {attempts}   {format_ms(value['total_ms'])}   {format_usd(value['cost'])}"


def _context_line(value: dict[str, Any]) -> str:
    policy = value["policy"]
    chosen_by = f"policy {policy['name']}   " if policy["name"] else ""  # nobody chose
    return (
        f'model "{value["model"]}"   {chosen_by}'
        f"configuration v{value['snapshot_version']}   request {value['request_id']}"
    )


def _terms_words(terms: Sequence[dict[str, Any]]) -> str:
    """Say what a score is made of: the values of terms, 0 best to 1 worst, times their weights."""
    return ", ".join(
        f"{t['term'].replace('_', ' ')} {t['value']:.2f} x {t['weight']:.3g}" for t in terms
    )


def _candidate_cells(candidate: dict[str, Any], group: str) -> tuple[str, str, str]:
    name = candidate["deployment"]
    if candidate["status"] == "dropped":
        return name, "dropped", str(candidate["detail"])
    words = []
    if candidate["group"] != group:
        words.append(f"from group {candidate['group']}")
    prior = "" if candidate["measured"] else " (prior)"
    words.append(f"ttft p50 {format_ms(candidate['ttft_p50_ms'])}{prior}")
    words.append(f"{candidate['in_flight']} in flight")
    if candidate["last_usable"]:
        words.append("last usable: throttled, not ejected")
    if candidate.get("note"):
        words.append(str(candidate["note"]))
    score = candidate["score"]
    probability = candidate["probability"]
    if score is not None:
        terms = _terms_words(candidate.get("terms", ()))
        words.append(f"score {score:.3g}" + (f" = {terms}" if terms else ""))
    if probability is not None and probability < 1:
        words.append(f"first with probability {probability:.2f}")
    return name, "kept", "; ".join(words)


def _budget_words(budget: dict[str, Any]) -> str:
    whose = f" ({budget['by']})" if budget["by"] else ""
    share = budget["share"]
    # Rounded down: what is not spent yet never looks as if it were.
    spent = "spending unknown yet" if share is None else f"{math.floor(share * 100)} % spent"
    step = f", so group {budget['stepped_to']}" if budget["stepped_to"] else ""
    passed = ", yet allowed" if budget["passed"] else ""
    return f"budget {budget['budget']}{whose}: {spent}{step}{passed}"


def _cache_words(cache: dict[str, Any]) -> str:
    who = f", answered for request {cache['answered_by']}" if cache["answered_by"] else ""
    if cache["status"] == "hit":
        return f"from the cache, {format_ms(cache['age_ms'])} old{who}"
    return f"shared with an identical request under way{who}" if cache["status"] == "joined" else ""


def _affinity_words(affinity: dict[str, Any]) -> str:
    where, tokens = affinity["deployment"], affinity["warm_tokens"]
    if affinity["kind"] == "none" or where is None:
        return ""
    if affinity["kind"] == "bound":
        return f"continues what {where} holds"
    warm = f", {tokens:,} tokens warm" if tokens else ""
    return f"{affinity['kind']} at {where}{warm}"


def _experiment_words(record: dict[str, Any]) -> str:
    words = f"{record['experiment']}: arm {record['arm']}, probability {record['probability']:.2g}"
    if not record["acted_on"]:
        return f"{words}, observed only"
    return words if record["intended"] else f"{words}, in place of the one that was drawn"


def _rulings(value: dict[str, Any]) -> list[str]:
    """Say what rules, constraints and experiments made of it."""
    lines = []
    for record in value.get("constraints", ()):
        because = ", because data is missing" if record["unknown"] else ""
        lines.append(f"constraint  {record['constraint']}: applied{because}")
    for record in value.get("rules", ()):
        sets = ", ".join(record["sets"]) or "nothing that was not set before"
        would = "would set" if record["observed"] else "sets"
        lines.append(f"rule        {record['rule']}: {would} {sets}")
    lines += [f"experiment  {_experiment_words(r)}" for r in value.get("experiments", ())]
    lines += [
        f"observed    {o['policy']} would choose {o['first']}" for o in value.get("observed", ())
    ]
    if value.get("shadow_of"):
        lines.append(f"shadow of   {value['shadow_of']}")
    return lines


def _circumstances(value: dict[str, Any]) -> list[str]:
    """Say what else made it what it is; nothing where that is nothing."""
    lines = _rulings(value)
    if value.get("priority", "standard") != "standard":
        lines.append(f"priority    {value['priority']}")
    lines += [_budget_words(budget) for budget in value.get("budgets", ())]
    if words := _cache_words(value["cache"]) if "cache" in value else "":
        lines.append(words)
    if words := _affinity_words(value["affinity"]) if "affinity" in value else "":
        lines.append(f"affinity    {words}")
    if value.get("queued_ms"):
        lines.append(f"in line     {format_ms(value['queued_ms'])}")
    lines += [f"note        {note}" for note in value.get("notes", ())]
    return lines


def _attempt_words(attempt: dict[str, Any]) -> str:
    waited = f"after waiting {format_ms(attempt['waited_ms'])}: " if attempt["waited_ms"] else ""
    if attempt["hedge"]:
        waited = "beside the late one: "
    if attempt["status"] == "ok":
        usage = attempt["usage"]
        ttft = f"ttft {format_ms(attempt['ttft_ms'])}, " if attempt["ttft_ms"] is not None else ""
        tokens = f"{usage['input_tokens']:,} tokens in, {usage['output_tokens']:,} out"
        dropped = attempt["dropped_parameters"]
        listed = f"; dropped {', '.join(dropped)}" if dropped else ""
        return f"{waited}ok, {ttft}{tokens}{listed}"
    if attempt["status"] == "failed":
        error = attempt["error"]
        code = f" ({error['status_code']})" if error["status_code"] else ""
        said = f": {error['message']}" if error["message"] else ""
        cause = f", {error['cause']}" if error.get("cause") else ""
        return f"{waited}{error['kind']}{cause}{code} after {format_ms(attempt['total_ms'])}{said}"
    return f"{waited}{attempt['status']} after {format_ms(attempt['total_ms'])}"


def _lines(value: dict[str, Any]) -> list[str]:
    lines = [_headline(value), _context_line(value)]
    if value["policy"].get("failure"):
        lines.append(f"stand-in    {value['policy']['failure']}")
    lines += _circumstances(value)
    cells = [_candidate_cells(c, value["group"]) for c in value["candidates"]]
    width = max((len(name) for name, _, _ in cells), default=0)
    lines += [f"  {name:<{width}}  {state:<7}  {words}" for name, state, words in cells]
    width = max((len(a["deployment"]) for a in value["attempts"]), default=0)
    for attempt in value["attempts"]:
        words = _attempt_words(attempt)
        lines.append(f"attempt {attempt['number']}  {attempt['deployment']:<{width}}  {words}")
    if value.get("restarts"):
        lines.append(f"restarted   {value['restarts']} time(s), at the caller's wish")
    failure = value.get("failure")
    if failure and value["status"] == "failed":
        lines.append(f"failed      {failure['kind']}: {failure['message']}")
    return lines


def render(value: dict[str, Any]) -> str:
    """Return a decision given as plain data as text for a terminal."""
    return "\n".join(_lines(value))


def _html(value: dict[str, Any]) -> str:
    def row(cells: tuple[str, ...], tag: str = "td") -> str:
        inner = "".join(f"<{tag} style='text-align:left'>{html.escape(c)}</{tag}>" for c in cells)
        return f"<tr>{inner}</tr>"

    candidates = "".join(row(_candidate_cells(c, value["group"])) for c in value["candidates"])
    attempts = "".join(
        row((str(a["number"]), a["deployment"], _attempt_words(a))) for a in value["attempts"]
    )
    parts = [
        f"<div><b>{html.escape(_headline(value))}</b><br>{html.escape(_context_line(value))}",
        *(f"<br>{html.escape(line)}" for line in _circumstances(value)),
        f"<table>{row(('candidate', '', 'why'), 'th')}{candidates}</table>",
    ]
    if attempts:
        parts.append(f"<table>{row(('attempt', 'deployment', 'outcome'), 'th')}{attempts}</table>")
    return "".join(parts) + "</div>"
