"""What the linter says: one value per flaw."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final, Literal

__all__ = ["SLUGS", "Finding", "Severity"]

Severity = Literal["error", "warning", "info"]

SLUGS: Final[Mapping[str, str]] = {
    "rule_never_matches": "no request fits the rule",
    "rule_shadowed": "earlier rules set all that it sets, whenever it matches",
    "rule_names_model_nobody_has": "a condition asks for a model that cannot be asked for",
    "constraint_never_applies": "no request falls under the constraint",
    "constraint_contradiction": "no deployment meets what is required",
    "group_can_be_emptied": "some request finds no deployment of a group",
    "embedding_models_mixed": "vectors of different models would meet in one index",
    "group_gone": "a group that has traffic is not in the new configuration",
    "deployment_unreachable": "nothing but its own name leads to a deployment",
    "fallback_cycle": "requests are sent back to where they came from",
    "worst_case": "the most that one request may take",
    "price_old": "a price was looked up long ago",
    "price_unknown": "something counts money that has no price",
    "key_missing": "a key is not there",
    "limit_below_one_request": "a limit or budget is smaller than a request",
    "experiment_arms_alike": "two arms are the same",
    "experiment_shares": "shares do not add up to 1",
    "experiment_guard_blind": "a guard has nothing to compare",
    "experiment_unreached": "no request comes to the experiment",
    "undecided": "a question was too large to be decided",
}
"""Every slug with its meaning, in the order in which findings are given."""

_RANKS: Final = {"error": 0, "warning": 1, "info": 2}


@dataclasses.dataclass(frozen=True)
class Finding:
    """One flaw of a configuration, or one fact worth knowing.

    Attributes
    ----------
    slug : str
        Its kind; a key of `SLUGS`.
    severity : str
        ``error``: it cannot be meant; ``warning``: it may bite; ``info``: no flaw.
    path : str
        Where in the document, as ``rules[2].when``.
    message : str
        One sentence that names the fix.
    example : mapping, optional
        A request that shows it, of the form of ``routing_tests.given``; what that form cannot say
        (``has``, ``language``, ``prompt_tokens``, ``max_output_tokens``) stands beside it.
    assumes : tuple of str
        What was taken as possible without proof: texts that fit a pattern, or scores.
    details : mapping
        Numbers of a ``worst_case``, with their unit in their name; None where unknown.
    line : int, optional
        Line of the path in the file, from 1.

    Examples
    --------
    >>> finding = Finding("rule_shadowed", "warning", "rules[1]", "never decides; move it up")
    >>> print(finding)
    warning: rules[1]: never decides; move it up (rule_shadowed)
    """

    slug: str
    severity: Severity
    path: str
    message: str
    example: Mapping[str, Any] | None = None
    assumes: tuple[str, ...] = ()
    details: Mapping[str, float | None] = dataclasses.field(default_factory=dict)
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.severity}: {self.path}: {self.message} ({self.slug})"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, for JSON.

        Returns
        -------
        dict
            All attributes; ``example`` is None where there is none.
        """
        return {
            **{field.name: getattr(self, field.name) for field in dataclasses.fields(self)},
            "example": None if self.example is None else dict(self.example),
            "assumes": list(self.assumes),
            "details": dict(self.details),
        }


def in_order(findings: list[Finding]) -> list[Finding]:
    """Sort by severity, keeping the order in which they were found."""
    return sorted(findings, key=lambda finding: _RANKS[finding.severity])
