"""``router_settings``, ``litellm_settings`` and the rest: how attempts, caches and budgets are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from llmroute.integrations.litellm.groups import Chains
from llmroute.integrations.litellm.notes import Notes, Table

__all__ = ["TABLES", "Settings"]

_POLICIES: Final = {
    "simple-shuffle": "weighted",
    "least-busy": "least_in_flight",
    "latency-based-routing": "least_latency",
    "cost-based-routing": "least_cost",
    "usage-based-routing": "headroom",
    "usage-based-routing-v2": "headroom",
}
_CHAINS: Final = (
    ("fallbacks", "fallbacks"),
    ("context_window_fallbacks", "on_context_too_long"),
    ("content_policy_fallbacks", "on_content_filter"),
)
_MOST_ATTEMPTS: Final = 100
_PERIODS: Final = {"h": "hour", "d": "day", "mo": "month", "m": "minute", "s": "second"}

_STATE: Final = "state that processes share is a file here: [state]"
_NO_SERVER: Final = "belongs to LiteLLM's server; llmroute runs inside your program"
_TELEMETRY: Final = "decisions and health say what happened: reply.decision, router.health()"
_BY_CALL: Final = "asked for by each call: chat(..., drop_unsupported=True)"

_WHY: Final[Mapping[str, str]] = {
    "routing_strategy_args": "policies have options of their own: groups.NAME.policy",
    "allowed_fails_policy": "failures are told apart by their class already",
    "retry_policy": "failures are told apart by their class already",
    "model_group_retry_policy": "failures are told apart by their class already",
    "disable_cooldowns": "a failing deployment is always left alone for a while",
    "max_fallbacks": "resilience.attempts bounds all attempts of a request",
    "provider_budget_config": "budgets count groups: [budgets]",
    "tag_budget_config": "budgets count by metadata: [budgets] by",
    "enable_tag_filtering": "rules look at tags: [[rules]] when = { tags = [...] }",
    "tag_filtering_match_any": "rules look at tags: [[rules]] when = { tags = [...] }",
    "default_litellm_params": "parameters are given with the call",
    "alerting_config": _TELEMETRY,
    "ssl_verify": "certificates are always checked; a CA of your own: ca_file of [providers]",
    "ssl_certificate": "client certificates are not supported",
    "callbacks": _TELEMETRY,
    "success_callback": _TELEMETRY,
    "failure_callback": _TELEMETRY,
    "service_callbacks": _TELEMETRY,
    "set_verbose": _TELEMETRY,
    "json_logs": _TELEMETRY,
    "modify_params": "requests are not rewritten",
    "telemetry": "nothing is sent to anybody",
    "drop_params": _BY_CALL,
}

_ELSEWHERE: Final[Mapping[str, str]] = {
    "general_settings": _NO_SERVER,
    "environment_variables": "set them where your program runs",
    "callback_settings": _TELEMETRY,
    "guardrails": "content is not looked at but by rules: [[rules]] keywords, pattern",
    "include": "give the files one by one",
    "mcp_servers": _NO_SERVER,
    "vector_store_registry": _NO_SERVER,
    "files_settings": _NO_SERVER,
    "finetune_settings": _NO_SERVER,
    "assistant_settings": _NO_SERVER,
    "prompts": _NO_SERVER,
    "search_tools": _NO_SERVER,
}

TABLES: Final = frozenset(
    ("model_list", "credential_list", "router_settings", "litellm_settings", *_ELSEWHERE)
)
"""What may stand at the top of a proxy's configuration."""


class Settings:
    """The settings of both tables; where both say something, the router's count, as there.

    Parameters
    ----------
    document : Table
        The whole configuration; its tables of settings are taken from it.
    notes : Notes
        Where what is not honoured is said.
    loose : mapping, optional
        The router's settings, where they stand at the top.
    """

    def __init__(
        self, document: Table, notes: Notes, loose: Mapping[str, Any] | None = None
    ) -> None:
        self.notes = notes
        given = document.take_raw("router_settings")
        self.router = (
            Table(given, "router_settings", notes) if loose is None else Table(loose, "", notes)
        )
        self.litellm = Table(document.take_raw("litellm_settings"), "litellm_settings", notes)
        self.document = document

    def policy(self) -> str:
        """Return the policy of all groups."""
        name = self.router.text("routing_strategy")
        if name is None or name in _POLICIES:
            if name is not None and name.startswith("usage"):
                why = "headroom goes by what is left of rpm and tpm, which have to be given"
                self.notes.changed(self.router.at("routing_strategy"), why)
            return _POLICIES[name or "simple-shuffle"]
        path = self.router.at("routing_strategy")
        self.notes.left_out(path, "unknown here; weighted stands in. See docs/policies.md")
        return "weighted"

    def _number(self, key: str, *, above: float = 0.0) -> tuple[float | None, str]:
        """Return a number of either table, with its path."""
        first, second = self.router.number(key, above=above), None
        if key in self.litellm:
            second = self.litellm.number(key, above=above)
            if first is not None and second is not None:
                self.notes.left_out(self.litellm.at(key), f"{self.router.at(key)} counts instead")
        table = self.router if first is not None else self.litellm
        return (first if first is not None else second), table.at(key)

    # --- attempts -----------------------------------------------------------------------------

    def resilience(self, groups: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Return what becomes ``[resilience]``."""
        made: dict[str, Any] = {}
        retries, path = self._number("num_retries")
        if retries is not None:
            longest = max((len(group.get("fallbacks", ())) for group in groups.values()), default=0)
            made["attempts"] = min(_MOST_ATTEMPTS, int(retries + 1) * (1 + longest))
            self.notes.changed(path, "attempts are counted over a request, fallbacks included")
        timeouts = self._timeouts()
        if timeouts:
            made["timeouts"] = timeouts
        breaker: dict[str, Any] = {}
        fails, path = self._number("allowed_fails")
        if fails is not None:
            breaker["failures"] = int(fails) + 1
            self.notes.changed(path, "counted in a row, not per minute")
        cooldown, _ = self._number("cooldown_time")
        if cooldown:
            breaker["cooldown_ms"] = cooldown * 1000
        if breaker:
            made["breaker"] = breaker
        after = self.router.number("retry_after")
        if after:
            made["backoff"] = {"base_ms": after * 1000, "max_ms": max(8000.0, after * 1000)}
            why = "waits are drawn below it, and grow"
            self.notes.changed(self.router.at("retry_after"), why)
        return made

    def _timeouts(self) -> dict[str, float]:
        made: dict[str, float] = {}
        whole = self.router.number("timeout")
        request = self.litellm.number("request_timeout")
        if whole is not None and request is not None:
            why = "router_settings.timeout counts instead"
            self.notes.left_out(self.litellm.at("request_timeout"), why)
        chosen = whole if whole is not None else request
        if chosen is not None:
            made["attempt_ms"] = chosen * 1000
        first = self.router.number("stream_timeout")
        if first is not None:
            made["ttft_ms"] = first * 1000
            why = "of a stream until its first content; pauses later: timeouts.idle_ms"
            self.notes.changed(self.router.at("stream_timeout"), why)
        return made

    # --- groups -------------------------------------------------------------------------------

    def aliases(self, groups: dict[str, dict[str, Any]]) -> None:
        """Make a group for every alias, with the same members."""
        path = self.router.at("model_group_alias")
        given = self.router.take("model_group_alias")
        if given is None:
            return
        for alias, target in given.items() if isinstance(given, Mapping) else ():
            at = f"{path}.{alias}"
            if isinstance(target, Mapping):
                if target.get("hidden"):
                    self.notes.left_out(f"{at}.hidden", "router.models lists every group")
                target = target.get("model")
            if target not in groups:
                self.notes.left_out(at, "there is no such model_name")
            elif alias in groups:
                self.notes.left_out(at, "a model_name of its own is there already")
            else:
                groups[str(alias)] = dict(groups[str(target)])

    def fallbacks(self, groups: dict[str, dict[str, Any]]) -> None:
        """Give groups what comes after them."""
        for theirs, ours in _CHAINS:
            chains = Chains(groups, ours, self.notes)
            tables = [table for table in (self.router, self.litellm) if theirs in table]
            for table in tables[1:]:
                table.take(theirs)
                why = f"{tables[0].at(theirs)} counts instead"
                self.notes.left_out(table.at(theirs), why)
            if tables:
                path = tables[0].at(theirs)
                chains.for_all(chains.read(tables[0].take(theirs), path), path)
            if theirs == "fallbacks":
                self._defaults(chains)

    def _defaults(self, chains: Chains) -> None:
        for table in (self.router, self.litellm):
            given = table.take("default_fallbacks")
            if isinstance(given, list):
                targets = [one for one in given if isinstance(one, str)]
                chains.for_all(targets, table.at("default_fallbacks"))
            elif given is not None:
                self.notes.left_out(table.at("default_fallbacks"), "is no list of names")

    # --- caches, budgets ----------------------------------------------------------------------

    def cache(self) -> dict[str, Any]:
        """Return what becomes ``[cache]``."""
        made: dict[str, Any] = {}
        wanted = self.litellm.flag("cache")
        params = Table(
            self.litellm.take_raw("cache_params"), self.litellm.at("cache_params"), self.notes
        )
        asked = self.router.flag("cache_responses")
        if wanted or asked:
            made["exact"] = self._exact(params)
        for key, _ in params.remaining():
            why = (
                _STATE
                if key.startswith("redis") or key in ("host", "port", "password")
                else ("the cache keeps answers to identical requests, in memory or in [state]")
            )
            self.notes.left_out(params.at(key), why)
        self._pre_call_checks(made)
        return made

    def _exact(self, params: Table) -> dict[str, Any]:
        kind = params.text("type")
        if kind not in (None, "local"):
            why = "answers are kept in this process; persistent = true keeps them in [state]"
            self.notes.changed(params.at("type"), why)
        ttl = params.number("ttl", above=1)
        return {} if ttl is None else {"ttl_s": ttl}

    def _pre_call_checks(self, made: dict[str, Any]) -> None:
        # The length of a prompt is always looked at where context_tokens is known.
        if self.router.flag("enable_pre_call_checks") is False:
            path = self.router.at("enable_pre_call_checks")
            self.notes.left_out(path, "lengths are always looked at where they are known")
        path = self.router.at("optional_pre_call_checks")
        given = self.router.take("optional_pre_call_checks")
        for number, name in enumerate(given if isinstance(given, list) else []):
            if name == "prompt_caching":
                made["affinity"] = {}
            else:
                self.notes.left_out(f"{path}[{number}]", "unknown to this translation")

    def budgets(self) -> dict[str, Any]:
        """Return what becomes ``[budgets]``: one for all, where LiteLLM has one."""
        limit = self.litellm.number("max_budget")
        length = self.litellm.text("budget_duration")
        if limit is None:
            if length is not None:
                self.notes.left_out(self.litellm.at("budget_duration"), "there is no max_budget")
            return {}
        match = re.fullmatch(r"(\d+)(mo|[smhd])", length or "")
        per = {"1h": "hour", "1d": "day", "24h": "day", "1mo": "month", "30d": "month"}.get(
            length or ""
        )
        path = self.litellm.at("max_budget")
        if per is None or limit == 0:
            word = _PERIODS.get(match[2], "") if match else ""
            why = "budgets are per hour, day or month" + (
                f", not {match[1]} {word}s" if match and word else ""
            )
            self.notes.left_out(path, why)
            return {}
        if length in ("30d", "24h"):
            why = f"a calendar {per}, in UTC"
            self.notes.changed(self.litellm.at("budget_duration"), why)
        return {"all": {"limit_usd": limit, "per": per, "groups": ["*"]}}

    # --- the rest -----------------------------------------------------------------------------

    def note_the_rest(self) -> None:
        """Say of everything that nobody has read why it has no effect."""
        if self.litellm.take_raw("drop_params"):
            self.notes.left_out(self.litellm.at("drop_params"), _BY_CALL)
        for table in (self.router, self.litellm):
            for key, _ in table.remaining():
                why = _STATE if key.startswith("redis") else _WHY.get(key, "not known here")
                self.notes.left_out(table.at(key), why)
        for key, value in self.document.remaining():
            why = _ELSEWHERE.get(key, "not known here")
            if isinstance(value, Mapping):
                for inner in value:
                    self.notes.left_out(f"{key}.{inner}", why)
            else:
                self.notes.left_out(key, why)
