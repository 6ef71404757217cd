"""What a call gives back. Everything is read from the provider's bytes when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmroute._core import Result, Usage

if TYPE_CHECKING:
    from llmroute._types import CostKind
    from llmroute.explain import Decision

__all__ = ["Reply", "Usage"]


class Reply:
    """The answer to one request, with what it cost and why it came from where it came.

    Made by `Router.chat` and `AsyncRouter.chat`. Nothing is parsed before it is asked for.

    Examples
    --------
    >>> from llmroute import Router
    >>> from llmroute.testing import SimulatedProvider
    >>> with SimulatedProvider("openai") as alpha:
    ...     with Router.from_dict({"deployments": {"alpha": alpha.deployment()}}) as router:
    ...         reply = router.chat("Hello", model="alpha")
    >>> reply.deployment, reply.finish_reason, len(reply.text) > 0
    ('alpha', 'stop', True)
    """

    __slots__ = ("_body", "_decision", "_result")

    def __init__(self, result: Result) -> None:
        self._result = result
        self._body: dict[str, Any] | None = None
        self._decision: Decision | None = None

    @property
    def text(self) -> str:
        """The text of the first choice; empty where the answer has none, such as a tool call."""
        return self._result.text

    @property
    def raw(self) -> bytes:
        """The provider's own bytes, decoded from compression, in the provider's own shape.

        Of an answer from the cache: in OpenAI's shape.
        """
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
    def finish_reason(self) -> str | None:
        """Why it ended, in OpenAI's words: ``stop``, ``length``, ``tool_calls`` ..."""
        return self._result.finish_reason

    @property
    def usage(self) -> Usage:
        """Tokens; estimated where the provider gave none, which ``usage.reported`` tells."""
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
    def message(self) -> dict[str, Any]:
        """The assistant's message in OpenAI's shape, ready to be appended to the conversation."""
        message: dict[str, Any] = self.to_dict()["choices"][0]["message"]
        return message

    @property
    def tool_calls(self) -> list[dict[str, Any]]:
        """Tool calls of the first choice in OpenAI's shape; empty where there are none."""
        return list(self.message.get("tool_calls") or [])

    @property
    def decision(self) -> Decision:
        """The whole explanation: every candidate, every attempt, timings and cost."""
        if self._decision is None:
            from llmroute.explain import Decision

            self._decision = Decision(self._result.decision_json, self._result.why_not)
        return self._decision

    def to_dict(self) -> dict[str, Any]:
        """Return the reply as OpenAI's ``chat.completion``, whatever the provider's dialect.

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

    def __repr__(self) -> str:
        return f"<Reply from {self.deployment}: {self.text[:60]!r}>"

    def _repr_html_(self) -> str:
        import html

        return f"<pre style='white-space:pre-wrap'>{html.escape(self.text)}</pre>"
