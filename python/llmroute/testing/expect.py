"""Tests of a routing configuration: given this request, it goes there, because of that.

Nobody is called, no key and no state file is needed, and time stands still.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from llmroute import config
from llmroute._core import ManualClock
from llmroute.errors import ConfigError, InvalidRequestError, LlmrouteError, NoCandidateError
from llmroute.router import Router

if TYPE_CHECKING:
    from llmroute.config import Source
    from llmroute.explain import Decision

    Messages = str | bytes | Sequence[Mapping[str, Any]]
    Health = Literal["ok", "down", "limited"]

__all__ = ["Expectation", "RoutingTestResult", "expect", "run_routing_tests"]

# What a decision gives as its reasons; the words of other parts, such as names of models, are not.
_REASONS: Final = (
    "rules",
    "constraints",
    "experiments",
    "policy",
    "notes",
    "failure",
    "budgets",
    "affinity",
)
_CANDIDATE_REASONS: Final = ("reason", "detail", "note", "constraint")


def expect(source: Source) -> Expectation:
    """Begin a test of where a configuration sends requests.

    Parameters
    ----------
    source
        See `Router`: a file, a dictionary, a list of models. Its ``[state]`` is not touched.

    Returns
    -------
    Expectation
        Say `Expectation.given` next.

    Raises
    ------
    ConfigError
        It cannot be used.

    Examples
    --------
    >>> from llmroute.testing import expect
    >>> routes = expect(["openai/gpt-4o-mini", "ollama/llama3"])
    >>> fine = routes.given("hi").chooses("openai/gpt-4o-mini").because("ordered")
    >>> down = routes.given("hi", health={"openai/gpt-4o-mini": "down"})
    >>> fine = down.chooses("ollama/llama3").drops("openai/gpt-4o-mini", because="breaker_open")
    >>> fine = down.chooses("openai/gpt-4o-mini")
    Traceback (most recent call last):
    ...
    AssertionError: expected openai/gpt-4o-mini to be chosen, not ollama/llama3 of group default
    ...
    """
    return Expectation(_without_state(source))


def _without_state(source: Source) -> Any:
    """Return a source that opens no file; what is wrong with it is said with its place."""
    config.check(source)
    given: Any = source
    if isinstance(given, Mapping):
        return {key: value for key, value in given.items() if key != "state"}
    if isinstance(given, Sequence) and not isinstance(given, str):
        return given
    return _without_state(config.read_document(given))


class Expectation:
    """A request and where it should go; made by `expect`.

    Every method that checks something returns the same object, so that they can be chained, and
    raises AssertionError with the whole decision.
    """

    def __init__(self, source: Any, decision: Decision | None = None, models: Any = ()) -> None:
        self._source = source
        self._decision = decision
        self._models = models

    def given(
        self,
        messages: Messages | Mapping[str, Any],
        *,
        model: str | None = None,
        health: Mapping[str, Health | str] | None = None,
        at: str | None = None,
        seed: int = 0,
        **options: Any,
    ) -> Expectation:
        """Route a request, calling nobody.

        Parameters
        ----------
        messages : str, sequence of mapping, or mapping
            A prompt, messages, or a whole request as a dictionary: ``messages``, ``model``,
            ``tools`` ...
        model : str, optional
            See `Router.chat`.
        health : mapping of str to {"ok", "down", "limited"}, optional
            By deployment: failing until its breaker opened, or limited by its provider for a
            minute.
        at : str, optional
            What the clock shows, as ``2026-01-05T09:00:00Z``; UTC where it names no zone.
        seed : int
            Of every choice that is left to chance.
        **options
            ``metadata``, ``tags``, ``region``, ``headers``, ``priority``, ``scores`` and all else
            that `Router.explain` takes; None means not given.

        Returns
        -------
        Expectation
            To be asked with `chooses`, `rejects`, `drops` and `because`.

        Raises
        ------
        ValueError
            A state of health or a time that there is not.
        InvalidRequestError
            The request is wrong, or names what there is not; where a test expects just that, see
            `rejects`.
        """
        call = {key: value for key, value in options.items() if value is not None}
        prompt: Any = messages
        if isinstance(messages, Mapping):
            call = {**messages, **call}
            prompt = call.pop("messages", "")
        if model is not None:
            call["model"] = model
        clock = ManualClock(_wall_s(at)) if at is not None else ManualClock()
        with Router(self._source, seed=seed, clock=clock) as router:
            for deployment, state in (health or {}).items():
                _pretend(router, deployment, state)
            decision = router.explain(prompt, **call)
            return Expectation(self._source, decision, router.models)

    @property
    def decision(self) -> Decision:
        """The whole decision.

        Raises
        ------
        ValueError
            Nothing was given yet.
        """
        if self._decision is None:
            raise ValueError("say given(...) first")
        return self._decision

    @property
    def _first(self) -> dict[str, Any] | None:
        kept = (c for c in self.decision.candidates if c["rank"] == 0)
        return None if self._failure else next(kept, None)

    @property
    def _failure(self) -> str:
        failure = self.decision.to_dict()["failure"] or {}
        return str(failure.get("message") or failure.get("kind") or "")

    @property
    def _where(self) -> str:
        first = self._first
        if first is not None:
            return f"{first['deployment']} of group {first['group']}"
        return f"nobody ({self._failure or 'every candidate was dropped'})"

    def _check(self, fine: bool, words: str) -> Expectation:
        if not fine:
            raise AssertionError(f"{words}\n\n{self.decision}")
        return self

    def chooses(
        self,
        name: str | None = None,
        *,
        group: str | None = None,
        deployment: str | None = None,
    ) -> Expectation:
        """Expect the request to go there first.

        Parameters
        ----------
        name : str, optional
            A group or a deployment.
        group, deployment : str, optional
            The same, where both have one name or both matter.

        Raises
        ------
        AssertionError
            It goes elsewhere; the message holds the whole decision.
        ValueError
            There is nothing of that name.
        """
        first = self._first or {}
        for wanted, places in (
            (name, ("group", "deployment")),
            (group, ("group",)),
            (deployment, ("deployment",)),
        ):
            if wanted is not None:
                self._known(wanted)
                found = wanted in [first.get(place) for place in places]
                self._check(found, f"expected {wanted} to be chosen, not {self._where}")
        return self

    def rejects(self, words: str = "") -> Expectation:
        """Expect the request to be refused.

        Parameters
        ----------
        words : str
            What the refusal says, in part.

        Raises
        ------
        AssertionError
            It is served, or refused with other words.
        """
        self._check(self._first is None, f"expected a refusal, not {self._where}")
        said = self._failure or "every candidate was dropped"
        found = words.casefold() in said.casefold() or self._says(words)
        return self._check(found, f'expected a refusal that says "{words}", not "{said}"')

    def drops(self, deployment: str, because: str = "") -> Expectation:
        """Expect a deployment to be dropped.

        Parameters
        ----------
        deployment : str
            Its name.
        because : str
            Slug of the reason, or words of it.

        Raises
        ------
        AssertionError
            It is kept, was no candidate, or is dropped for another reason.
        ValueError
            There is none of that name.
        """
        self._known(deployment)
        found = [c for c in self.decision.candidates if c["deployment"] == deployment]
        self._check(bool(found), f"expected {deployment} to be dropped; it was no candidate")
        (one, *_) = found
        self._check(
            one["status"] == "dropped", f"expected {deployment} to be dropped, but it is kept"
        )
        said = [str(one.get(key) or "") for key in _CANDIDATE_REASONS]
        return self._check(
            _matches(because, said),
            f'expected {deployment} to be dropped because of "{because}", '
            f"not {one['reason']}: {one['detail']}",
        )

    def because(self, words: str) -> Expectation:
        """Expect the decision to give a reason.

        Parameters
        ----------
        words : str
            A slug such as ``breaker_open``, the name of a rule, a policy, a budget or an
            experiment, or words of a note or refusal.

        Raises
        ------
        AssertionError
            No reason of the decision says so.
        """
        given = ", ".join(sorted({text for text in self._reasons() if text}))
        return self._check(
            self._says(words), f'expected "{words}" among the reasons; there is {given}'
        )

    def _says(self, words: str) -> bool:
        return _matches(words, self._reasons())

    def _reasons(self) -> list[str]:
        value = self.decision.to_dict()
        texts = [text for part in _REASONS for text in _texts(value.get(part))]
        for candidate in value["candidates"]:
            texts += [str(candidate.get(key) or "") for key in _CANDIDATE_REASONS]
        return texts

    def _known(self, name: str) -> None:
        if name not in self._models:
            import difflib

            nearest = difflib.get_close_matches(name, self._models, 1)
            hint = f'; did you mean "{nearest[0]}"?' if nearest else ""
            raise ValueError(f'there is no group or deployment "{name}"{hint}')

    def __repr__(self) -> str:
        return f"<Expectation {self._where}>" if self._decision else "<Expectation>"


def _matches(words: str, texts: Sequence[str]) -> bool:
    return any(_folded(words) in _folded(text) for text in texts)


def _folded(text: str) -> str:
    """Make slugs and the words they stand for one: ``breaker_open``, "breaker open"."""
    return text.casefold().replace("_", " ")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _wall_s(at: str) -> float:
    try:
        moment = datetime.datetime.fromisoformat(at.replace("Z", "+00:00"))
    except ValueError:
        raise ValueError(f'"{at}" is no time; write it as 2026-01-05T09:00:00Z') from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.timezone.utc)
    return moment.timestamp()


def _pretend(router: Router, deployment: str, state: str) -> None:
    if state != "ok":
        router._shared.core.pretend(deployment, state)
    elif deployment not in router.health():
        router._shared.core.pretend(deployment, "down")  # says what it says of unknown names


# --- tests that stand in a configuration ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RoutingTestResult:
    """How one test of ``[[routing_tests]]`` went.

    Attributes
    ----------
    name : str
        Its name, or ``routing_tests[2]``.
    ok : bool
        Whether the configuration does as it says.
    message : str
        What is different, in one line; empty where nothing is.
    decision : Decision or None
        Why; None where the request could not even be read.
    """

    name: str
    ok: bool
    message: str
    decision: Decision | None = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        decision = self.decision.to_dict() if self.decision and not self.ok else None
        return {"name": self.name, "ok": self.ok, "message": self.message, "decision": decision}

    def __str__(self) -> str:
        if self.ok:
            return f"ok      {self.name}"
        return f"FAILED  {self.name}: {self.message}"


def run_routing_tests(source: Source) -> list[RoutingTestResult]:
    """Run the ``[[routing_tests]]`` of a configuration.

    Parameters
    ----------
    source
        See `Router`.

    Returns
    -------
    list of RoutingTestResult
        In the configuration's order; empty where it has none.

    Raises
    ------
    ConfigError
        The configuration, or a test's form, cannot be used.

    Examples
    --------
    >>> from llmroute.testing import run_routing_tests
    >>> run_routing_tests(["ollama/llama3"])
    []
    """
    routes = expect(source)
    document = json.loads(config.load(source).json)
    tests = document.get("routing_tests") or []
    return [_run(routes, test, f"routing_tests[{i}]") for i, test in enumerate(tests)]


def _run(routes: Expectation, test: Mapping[str, Any], path: str) -> RoutingTestResult:
    name = str(test.get("name") or path)
    expectation: Expectation | None = None
    chooses = test.get("chooses") or {}
    given = {"messages": "", **_given(test)}
    try:
        expectation = routes.given(**given)
        expectation.chooses(group=chooses.get("group"), deployment=chooses.get("deployment"))
        if "rejects" in chooses:
            expectation.rejects(chooses["rejects"])
        if test.get("because"):
            expectation.because(test["because"])
    except AssertionError as failure:
        decision = expectation.decision if expectation else None
        return RoutingTestResult(name, False, str(failure).split("\n", 1)[0], decision)
    except (LlmrouteError, ValueError) as problem:
        refused = isinstance(problem, (InvalidRequestError, NoCandidateError))
        if refused and "rejects" in chooses and _matches(chooses["rejects"], [str(problem)]):
            return RoutingTestResult(name, True, "")
        return RoutingTestResult(name, False, str(problem))
    return RoutingTestResult(name, True, "", expectation.decision)


def _given(test: Mapping[str, Any]) -> dict[str, Any]:
    given = dict(test.get("given") or {})
    known = {"model", "messages", "metadata", "tags", "headers", "region", "priority", "scores"}
    known |= {"health", "at"}
    unknown = [key for key in given if key not in known]
    if unknown:
        raise ConfigError(f'unknown key "{unknown[0]}"', path="routing_tests.given")
    return given
