"""What callers make of answers: the same for both routers, for it waits for nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmroute._submit import Shared

__all__ = ["Judged"]


class Judged:
    """A router whose answers can be judged."""

    _shared: Shared

    def feedback(self, request_id: str, score: float) -> None:
        """Say what an answer was worth, for policies and experiments that learn from it.

        Policies that weigh feedback, such as ``thompson`` with ``feedback`` above 0, prefer
        deployments whose answers are liked; experiments report it as their ``score``. Never waits;
        works the same in threads and in event loops.

        Parameters
        ----------
        request_id : str
            ``reply.request_id`` of an answered request, one of the last 65,536 of this router. Of
            an answer from the cache, the id in ``decision.to_dict()["cache"]["answered_by"]``.
        score : float
            From 0 (useless) to 1 (as good as can be); a thumb down or up is 0 or 1. Said again, it
            takes the place of what was said before; experiments count the first word only.

        Raises
        ------
        InvalidRequestError
            For another score, and where the request is unknown, too old, or was not answered.

        Examples
        --------
        >>> from llmroute import Router
        >>> from llmroute.testing import SimulatedProvider
        >>> with SimulatedProvider() as provider:
        ...     config = {"deployments": {"small": provider.deployment()}}
        ...     with Router(config) as router:
        ...         reply = router.chat("hi", model="small")
        ...         router.feedback(reply.request_id, 1.0)
        """
        self._shared.core.feedback(request_id, float(score))
