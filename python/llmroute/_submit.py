"""What both faces of a router share: the native core, Python policies, keys and event loops."""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

from llmroute import _build, _core
from llmroute.errors import ConfigError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable

    from llmroute.config import LoadedConfig, Source
    from llmroute.human import Handler
    from llmroute.lifecycle import History, Version, Watcher
    from llmroute.policies import Plan, Policy, PolicyContext
    from llmroute.preferences import World

__all__ = ["Shared", "apply_plan", "call_options"]

_build.check(os.path.dirname(__file__), _core.build_id)

# Seconds for which the answer of a callable key is used again.
_KEY_LIFETIME_S = 1.0

_NO_ACCOUNT = (None, None, None, None, None)

# Of a call's keywords those that are for the core, the first four for rules; a provider sees none
# but the `headers` on its list.
_FOR_CORE = frozenset(("tags", "headers", "region", "scores", "fallbacks"))

# And those that say, in OpenRouter's words, which deployments are wished for.
_WISHES = frozenset(("provider", "models"))


class Shared:
    """One router, whichever faces look at it."""

    __slots__ = (
        "__weakref__",
        "_asked",
        "_givers",
        "_history",
        "_keys_due",
        "_making",
        "_policies",
        "_ports",
        "_watcher",
        "core",
        "human",
        "loaded",
        "scorers",
        "world",
    )

    def __init__(
        self,
        source: Source,
        *,
        seed: int | None,
        clock: _core.ManualClock | None,
        max_in_flight: int,
    ) -> None:
        from llmroute import config

        loaded = config.load(source)
        self.core: _core.Core = _located(
            loaded,
            lambda: _core.Core(loaded.json, loaded.catalogue_json, seed, clock, max_in_flight),
        )
        self.human: Handler | None = None
        self.scorers: dict[str, Callable[..., Any]] = {}
        self.world: World | None = None
        self._ports: dict[int, tuple[weakref.ref[Any], _core.Port]] = {}
        self._making = threading.Lock()
        self._history: History | None = None
        self._watcher: Watcher | None = None
        self._adopt(loaded)
        _LIVE.add(self)
        if _has_state_file(loaded):
            self.history()  # its number is the file's to give
        self.tell()

    def _adopt(self, loaded: LoadedConfig) -> None:
        self.loaded = loaded
        self._policies: dict[str, Policy] = loaded.policies
        self._asked: list[str] = self.core.scores
        self._givers: list[tuple[str, int, Callable[[], Any]]] = [
            (deployment, index, loaded.secrets[label])
            for deployment, index, label in self.core.secret_labels()
            if label in loaded.secrets
        ]
        self._keys_due = 0.0

    def history(self) -> History:
        """Return the versions of the configuration; what is served now is the first."""
        with self._making:
            if self._history is None:
                from llmroute.lifecycle import History

                self._history = History(self.core, self.loaded)
            return self._history

    def reload(
        self,
        source: Source,
        who: str | None = None,
        why: str | None = None,
        *,
        force: bool = False,
    ) -> Version:
        """Change the configuration; requests in flight finish on the one they began with."""
        from llmroute import config

        return self.serve(config.load(source), who, why, force=force)

    def serve(
        self, loaded: LoadedConfig, who: str | None, why: str | None, *, force: bool = False
    ) -> Version:
        """Do the same with a configuration that was read already."""
        history = self.history()
        version: Version = _located(
            loaded, lambda: history.serve(loaded, who, why, force=force, adopt=self._adopt)
        )
        return version

    def watch(self, file: str | os.PathLike[str], seconds: float) -> Watcher:
        """Watch a file from now on, instead of one that was watched before."""
        from llmroute.lifecycle import Watcher

        self.history()
        watcher = Watcher(self, file, seconds)
        with self._making:
            before, self._watcher = self._watcher, watcher
        if before is not None:
            before.close()
        return watcher

    def tell(self) -> None:
        """Log what the router has to say once, such as that its state file does not answer."""
        for notice in self.core.take_notices():
            from logging import getLogger

            getLogger("llmroute").warning("%s", notice)

    # --- requests -----------------------------------------------------------------------------

    def prepare(
        self,
        messages: Any,
        model: str | None,
        stream: bool,
        params: dict[str, Any],
        options: dict[str, Any] | None,
        embed: bool = False,
    ) -> _core.Request:
        """Check the arguments of a call; what is wrong with them is raised here."""
        if "extra_headers" in params:
            from llmroute import _headers

            both = ("headers", "extra_headers")
            options = _headers.put(options, *((name, params.pop(name, None)) for name in both))
        if not _WISHES.isdisjoint(params):
            from llmroute import preferences

            wished = preferences.prepare(self, messages, model, stream, params, options)
            if wished is not None:
                return wished
        if not _FOR_CORE.isdisjoint(params):
            options = dict(options or {})
            options.update((name, params.pop(name)) for name in _FOR_CORE & params.keys())
        if self._givers and time.monotonic() >= self._keys_due:
            self._ask_for_keys()
        return self.core.prepare(messages, model, stream, params or None, options, embed)

    async def call(self, request: _core.Request) -> _core.Result:
        """Send and await the end; a cancelled caller cancels the request."""
        loop = _running_loop()
        future: asyncio.Future[_core.Result] = loop.create_future()
        # This frame does not hold the port, which holds the future, which holds this frame.
        ticket = self.core.submit(request, self.port(loop), future)
        try:
            return await future
        except BaseException:
            _, port = self._ports.get(id(loop), (None, None))
            self.core.cancel(ticket, port or _core.Port())  # any will do, where its own is gone
            raise

    def plans(self, policy: Any) -> bool:
        """Say whether Python may have to run first: scores, the call's own policy, a group's."""
        if self.scorers and self._asked:
            return True
        return bool(self._policies) if policy is None else not isinstance(policy, str)

    def policy_for(self, request: _core.Request, policy: Any) -> Policy | None:
        """Return the Python policy that must run before `request` leaves, if any."""
        if isinstance(policy, str):
            return None
        if policy is not None:
            from llmroute.policies import Policy

            return policy if isinstance(policy, Policy) else Policy(policy)
        label = self.core.python_policy(request)
        return None if label is None else self._policies.get(label)

    def plan(self, request: _core.Request, policy: Any, deadline_ms: float | None) -> None:
        """Run scores and the Python policy of a request, if it has one, on this thread."""
        if self.scorers:
            from llmroute import scores

            scores.add(self.scorers, self._asked, request)
        chosen = self.policy_for(request, policy)
        if chosen is not None:
            from llmroute import policies

            candidates, context = self._view(request, deadline_ms)
            apply_plan(request, chosen, policies.plan(chosen, request, candidates, context))

    async def plan_async(
        self, request: _core.Request, policy: Any, deadline_ms: float | None
    ) -> None:
        """Run scores and the Python policy of a request, if it has one, on this event loop."""
        if self.scorers:
            from llmroute import scores

            await scores.add_async(self.scorers, self._asked, request)
        chosen = self.policy_for(request, policy)
        if chosen is not None:
            from llmroute import policies

            candidates, context = self._view(request, deadline_ms)
            plan = await policies.plan_async(chosen, request, candidates, context)
            apply_plan(request, chosen, plan)

    def _view(
        self, request: _core.Request, deadline_ms: float | None
    ) -> tuple[list[_core.Candidate], PolicyContext]:
        from llmroute.policies import PolicyContext

        # A policy ranks the members of its group; fallbacks keep their own order behind them.
        candidates = self.core.candidates(request)
        group = candidates[0].group if candidates else request.model
        members = [c for c in candidates if c.group == group]
        return members, PolicyContext(group=group, seed=request.seed, deadline_ms=deadline_ms)

    def _ask_for_keys(self) -> None:
        self._keys_due = time.monotonic() + _KEY_LIFETIME_S
        for deployment, index, give in self._givers:
            try:
                value = give()
            except Exception:
                # The attempt that needs it fails and names the callable; its own words may hold
                # anything, so they are not passed on.
                value = None
            self.core.set_secret(deployment, index, value if isinstance(value, str) else "")

    # --- event loops --------------------------------------------------------------------------

    def port(self, loop: asyncio.AbstractEventLoop) -> _core.Port:
        """Return the port of an event loop; made with its first request."""
        entry = self._ports.get(id(loop))
        if entry is not None and entry[0]() is loop:
            return entry[1]
        return self._open_port(loop)

    def _open_port(self, loop: asyncio.AbstractEventLoop) -> _core.Port:
        key, ports = id(loop), self._ports
        # A loop that was closed with requests under way is held by their futures, and those by its
        # port: letting go of the port lets go of all of it.
        for other, (reference, _) in list(ports.items()):
            if (closed := reference()) is not None and closed.is_closed():
                ports.pop(other, None)
        port = _core.Port()

        def forget(_: Any) -> None:
            ports.pop(key, None)

        # The loop holds the port until it is closed or the router is, so the descriptor cannot be
        # given to something else while the loop still watches it.
        loop.add_reader(port.fileno(), port.drain)
        ports[key] = (weakref.ref(loop, forget), port)
        return port

    # --- end of life --------------------------------------------------------------------------

    def close(self) -> None:
        """End everything in flight and stop the network thread; idempotent."""
        if self._watcher is not None:
            self._watcher.close()
        self.core.close()
        self.tell()
        for reference, port in list(self._ports.values()):
            loop = reference()
            if loop is not None:
                _detach(loop, port)
        self._ports.clear()

    def abandon(self) -> None:
        """Forget threads and descriptors that belong to the parent of this process."""
        self.core.abandon()
        self._ports = {}
        self._keys_due = 0.0
        self._making = threading.Lock()
        if self._history is not None:
            self._history.after_fork()
        if self._watcher is not None:
            self._watcher.start()

    def __del__(self) -> None:
        if hasattr(self, "_ports"):
            self.close()


def _running_loop() -> asyncio.AbstractEventLoop:
    """Return the running loop; asyncio is imported by whoever runs one, not by this package."""
    from asyncio import get_running_loop

    return get_running_loop()


def call_options(
    deadline_ms: float | None,
    policy: Any,
    exclude: Iterable[str],
    drop_unsupported: bool,
    attempts: int | None,
    account: tuple[Any, Any, Any, Any, Any],
    on_interrupt: str | None = None,
) -> dict[str, Any] | None:
    """Gather what is not part of the body; None where nothing differs from the defaults.

    `account` is metadata, priority, conversation, budget and cache.
    """
    common = (deadline_ms, policy, exclude, drop_unsupported, attempts, on_interrupt)
    if common == (None, None, (), False, None, None) and account == _NO_ACCOUNT:
        return None
    metadata, priority, conversation, budget, cache = account
    return {
        "deadline_ms": deadline_ms,
        "policy": policy if isinstance(policy, str) else None,
        "exclude": exclude or None,
        "drop_unsupported": drop_unsupported or None,
        "attempts": attempts,
        "metadata": metadata,
        "priority": priority,
        "conversation": conversation,
        "budget": budget,
        "cache": cache,
        "on_interrupt": on_interrupt,
    }


def apply_plan(request: _core.Request, chosen: Policy, plan: Plan) -> None:
    """Give a request the order that its Python policy chose, or the built-in that stands in."""
    if plan.failure:
        request.set_stand_in(chosen.stand_in, plan.failure)
    else:
        request.set_order(plan.order, plan.reasons, str(chosen.name))


def _has_state_file(loaded: LoadedConfig) -> bool:
    if '"state"' not in loaded.json:
        return False
    import json

    return bool((json.loads(loaded.json).get("state") or {}).get("path"))


def _located(loaded: LoadedConfig, make: Callable[[], Any]) -> Any:
    """Add file and line to what the core says about a configuration."""
    try:
        return make()
    except ConfigError as error:
        failure = loaded.located(error)
    # Outside the handler: the chain would show the frame that holds the document.
    raise failure


def _detach(loop: asyncio.AbstractEventLoop, port: _core.Port) -> None:
    def remove() -> None:
        port.drain()  # waiters of a router that was closed learn it now
        loop.remove_reader(port.fileno())

    try:
        loop.call_soon_threadsafe(remove)
    except RuntimeError:
        return  # the loop is closed and watches nothing any more


_LIVE: weakref.WeakSet[Shared] = weakref.WeakSet()


def _close_all() -> None:
    # Only daemon threads are left by now. One that learnt here that its router was closed would go
    # on into an interpreter that is being taken apart.
    _core.begin_exit()
    for shared in list(_LIVE):
        shared.core.close()


_FORKS = threading.Lock()  # held from before a fork until after it
_FORKING: list[Shared] = []


def _prepare_all() -> None:
    _FORKS.acquire()
    _FORKING.extend(_LIVE)
    for shared in _FORKING:
        shared.core.before_fork()


def _resume_all() -> None:
    for shared in _FORKING:
        shared.core.after_fork()
    _FORKING.clear()
    _FORKS.release()


def _abandon_all() -> None:
    global _FORKS
    _FORKS = threading.Lock()
    for shared in list(_LIVE):
        shared.abandon()
    _FORKING.clear()  # only now: one that nobody else holds is destroyed


# Before the interpreter is taken apart: no thread may be left that could still have work for it.
atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_prepare_all, after_in_parent=_resume_all, after_in_child=_abandon_all
    )
