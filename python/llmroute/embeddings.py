"""Vectors for texts: ``router.embed``, over the same core as chats, with the same decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmroute._failure import error_of
from llmroute._submit import Shared, call_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from llmroute._core import Request, Result, Usage
    from llmroute._types import CostKind
    from llmroute.explain import Decision
    from llmroute.policies import Policy, PolicyFunction

    AnyPolicy = str | Policy | PolicyFunction

__all__ = ["AsyncEmbeds", "EmbeddingReply", "Embeds"]


class EmbeddingReply:
    """The vectors of one request, with what they cost and why they came from where they came.

    Made by `Router.embed` and `AsyncRouter.embed`. ``len(reply)`` is how many there are; iterating
    gives them in the order of the texts.

    Examples
    --------
    >>> reply = router.embed(["one", "two"], model="index")                # doctest: +SKIP
    >>> len(reply), reply.usage.input_tokens, reply.cost_usd               # doctest: +SKIP
    (2, 2, 4e-08)
    """

    __slots__ = ("_body", "_decision", "_result", "_vectors")

    def __init__(self, result: Result) -> None:
        self._result = result
        self._body: dict[str, Any] | None = None
        self._vectors: list[list[float]] | None = None
        self._decision: Decision | None = None

    @property
    def vectors(self) -> list[list[float]]:
        """One vector per text, in the order of the texts; parsed once."""
        if self._vectors is None:
            data = sorted(self.to_dict()["data"], key=lambda item: item.get("index", 0))
            self._vectors = [_numbers(item["embedding"]) for item in data]
        return self._vectors

    def numpy(self) -> Any:
        """Return the vectors as a ``float32`` array of shape (texts, dimensions).

        Raises
        ------
        ImportError
            numpy is not installed; nothing else here needs it.
        """
        import numpy

        return numpy.asarray(self.vectors, dtype=numpy.float32)

    @property
    def raw(self) -> bytes:
        """The provider's own bytes, in the provider's own shape."""
        return self._result.raw

    @property
    def request_id(self) -> str:
        """Id of the request, unique within its router."""
        return self._result.request_id

    @property
    def deployment(self) -> str:
        """Name of the deployment that answered."""
        return self._result.deployment or ""

    @property
    def usage(self) -> Usage:
        """Tokens of the texts; estimated where ``usage.reported`` is false. There is no output."""
        return self._result.usage

    @property
    def cost_usd(self) -> float | None:
        """US dollars of all attempts; None where a price is unknown, which is never 0."""
        return self._result.cost_usd

    @property
    def cost_kind(self) -> CostKind:
        """``exact``, ``estimated`` or ``unknown``."""
        kind: Any = self._result.cost_kind
        return kind  # type: ignore[no-any-return]

    @property
    def decision(self) -> Decision:
        """The whole explanation: every candidate, every attempt, timings and cost."""
        if self._decision is None:
            from llmroute.explain import Decision

            self._decision = Decision(self._result.decision_json, self._result.why_not)
        return self._decision

    def to_dict(self) -> dict[str, Any]:
        """Return the reply as OpenAI's list of embeddings, whatever the provider's dialect.

        Returns
        -------
        dict
            Parsed once; changing it changes what later calls return.
        """
        if self._body is None:
            import json

            body: dict[str, Any] = json.loads(self._result.openai_json)
            self._body = body
        return self._body

    def __len__(self) -> int:
        return len(self.vectors)

    def __iter__(self) -> Any:
        return iter(self.vectors)

    def __repr__(self) -> str:
        return f"<EmbeddingReply from {self.deployment}: {len(self)} vectors>"


class Embeds:
    """A router for threads that gives vectors."""

    _shared: Shared

    def embed(
        self,
        input: str | Sequence[str],
        *,
        model: str | None = None,
        dimensions: int | None = None,
        input_type: str | None = None,
        deadline_ms: float | None = None,
        policy: AnyPolicy | None = None,
        exclude: Iterable[str] = (),
        drop_unsupported: bool = False,
        attempts: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        priority: str | int | None = None,
        budget: str | None = None,
        **params: Any,
    ) -> EmbeddingReply:
        """Turn texts into vectors.

        Vectors of two embedding models cannot be compared, so a group must hold one: other members
        and fallbacks serve the request only where they are of the same, which is their ``model``
        or what ``embedding`` of the deployment says.

        Parameters
        ----------
        input : str or sequence of str
            What to embed.
        model : str, optional
            A group or a deployment; may be left out where there is one group.
        dimensions : int, optional
            Length of the vectors, for models that can choose.
        input_type : str, optional
            ``"query"`` or ``"document"``, for providers that tell them apart.
        deadline_ms, policy, exclude, drop_unsupported, attempts, metadata, priority, budget
            See `Router.chat`.
        **params
            Other parameters of OpenAI's embeddings, and what rules may look at.

        Returns
        -------
        EmbeddingReply
            Vectors in the order of the texts, usage, cost, and the decision.

        Raises
        ------
        InvalidRequestError
            Nothing to embed, or the group holds different embedding models; nothing was sent.
        NoCandidateError, AllAttemptsFailedError, CapacityError, AttemptError
            As for `Router.chat`. A person is never asked.

        Examples
        --------
        >>> reply = router.embed(["one", "two"], model="index")            # doctest: +SKIP
        >>> [len(vector) for vector in reply.vectors]                      # doctest: +SKIP
        [1536, 1536]
        """
        request = _prepare(
            self._shared,
            input,
            model,
            {"dimensions": dimensions, "input_type": input_type, **params},
            call_options(
                deadline_ms,
                policy,
                exclude,
                drop_unsupported,
                attempts,
                (metadata, priority, None, budget, None),
            ),
        )
        if self._shared.plans(policy):
            self._shared.plan(request, policy, deadline_ms)
        return _reply(self._shared, self._shared.core.call(request))


class AsyncEmbeds:
    """A router for event loops that gives vectors."""

    _shared: Shared

    async def embed(
        self,
        input: str | Sequence[str],
        *,
        model: str | None = None,
        dimensions: int | None = None,
        input_type: str | None = None,
        deadline_ms: float | None = None,
        policy: AnyPolicy | None = None,
        exclude: Iterable[str] = (),
        drop_unsupported: bool = False,
        attempts: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        priority: str | int | None = None,
        budget: str | None = None,
        **params: Any,
    ) -> EmbeddingReply:
        """Turn texts into vectors; see `Router.embed`.

        Examples
        --------
        >>> reply = await router.embed("one", model="index")               # doctest: +SKIP
        """
        request = _prepare(
            self._shared,
            input,
            model,
            {"dimensions": dimensions, "input_type": input_type, **params},
            call_options(
                deadline_ms,
                policy,
                exclude,
                drop_unsupported,
                attempts,
                (metadata, priority, None, budget, None),
            ),
        )
        if self._shared.plans(policy):
            await self._shared.plan_async(request, policy, deadline_ms)
        return _reply(self._shared, await self._shared.call(request))


def _prepare(
    shared: Shared,
    input: str | Sequence[str],
    model: str | None,
    params: dict[str, Any],
    options: dict[str, Any] | None,
) -> Request:
    texts = input if isinstance(input, str) else list(input)
    return shared.prepare(texts, model, False, params, options, embed=True)


def _reply(shared: Shared, result: Result) -> EmbeddingReply:
    if not result.ok:
        shared.tell()
        raise error_of(result)
    return EmbeddingReply(result)


def _numbers(vector: Any) -> list[float]:
    """Return a vector that came as numbers, or as base64 of 32-bit little-endian ones."""
    if not isinstance(vector, str):
        return list(vector)
    import array
    import base64
    import sys

    packed = array.array("f", base64.b64decode(vector))
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tolist()
