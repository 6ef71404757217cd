"""Entries of ``model_list``: deployments and members of groups."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from llmroute.integrations.litellm.notes import Notes, Table
from llmroute.integrations.litellm.providers import Target, base_of, target_of

__all__ = ["Entry", "read_entries"]

_ENVIRON: Final = "os.environ/"
_AZURE_VERSION: Final = "2024-10-21"  # the newest of Azure's data plane that is no preview
_CHAT_MODES: Final = ("chat", "completion", "responses", "embedding")
_PER_TOKEN: Final = {
    "input_cost_per_token": "input_usd_per_million",
    "output_cost_per_token": "output_usd_per_million",
    "cache_read_input_token_cost": "cached_input_usd_per_million",
    "cache_creation_input_token_cost": "cache_write_usd_per_million",
}
_LACKS: Final = {
    "supports_function_calling": "tools",
    "supports_vision": "vision",
    "supports_response_schema": "json_schema",
    "supports_audio_input": "audio",
    "supports_pdf_input": "files",
}
_WITH_THE_CALL: Final = "a parameter of requests: give it with the call"
_WHY: Final[Mapping[str, str]] = {
    "max_retries": "attempts are counted per request: resilience.attempts",
    "num_retries": "attempts are counted per request: resilience.attempts",
    "cooldown_time": "one for all deployments: resilience.breaker.cooldown_ms",
    "mock_response": "use llmroute.testing.SimulatedProvider",
    "max_budget": "budgets count groups: [budgets]",
    "budget_duration": "budgets count groups: [budgets]",
    "vertex_credentials": "give a callable that returns an access token as api_key",
    "aws_session_name": "give the keys themselves",
    "aws_role_name": "assume the role outside and give the keys",
    "aws_profile_name": "give the keys themselves",
    "azure_ad_token": "give a callable that returns the token as api_key",
    "tenant_id": "give a callable that returns a token as api_key",
    "client_id": "give a callable that returns a token as api_key",
    "client_secret": "give a callable that returns a token as api_key",
    "drop_params": "asked for by each call: chat(..., drop_unsupported=True)",
    "additional_drop_params": "quirks = { unsupported = [...] } lists parameters that are refused",
    "ssl_verify": "certificates are always checked; a CA of your own: ca_file",
    "cache_control_injection_points": "set cache_control in the messages",
    "use_in_pass_through": "there are no pass-through routes",
    "base_model": "prices and lengths are given, not looked up: price, context_tokens",
    "mirror_traffic": "shadows are experiments: [experiments]",
}


@dataclasses.dataclass
class Entry:
    """One deployment and its place in a group."""

    group: str
    path: str
    deployment: dict[str, Any]
    label: str  # what it should be called
    weight: float | None = None
    requests: float | None = None
    tokens: float | None = None
    order: float | None = None


def read_entries(rows: Any, credentials: Any, keep_keys: bool, notes: Notes) -> list[Entry]:
    """Read the whole list; what cannot be used is noted and left out."""
    if rows is None:
        return []
    if not isinstance(rows, list):
        notes.left_out("model_list", "is no list")
        return []
    known = _credentials(credentials, notes)
    entries = []
    for number, row in enumerate(rows):
        reader = _Reader(Table(row, f"model_list[{number}]", notes), known, keep_keys, notes)
        entry = reader.read()
        if entry is not None:
            entries.append(entry)
    return entries


def _credentials(rows: Any, notes: Notes) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(rows if isinstance(rows, list) else []):
        table = Table(row, f"credential_list[{number}]", notes)
        name, values = table.text("credential_name"), table.take("credential_values")
        table.take("credential_info")  # a description
        if name and isinstance(values, Mapping):
            found[name] = dict(values)
        for key, _ in table.remaining():
            notes.left_out(table.at(key), "unknown to this translation")
    return found


class _Reader:
    """One entry."""

    def __init__(
        self,
        row: Table,
        credentials: Mapping[str, Mapping[str, Any]],
        keep_keys: bool,
        notes: Notes,
    ) -> None:
        self.row = row
        self.notes = notes
        self.keep_keys = keep_keys
        raw = row.take_raw("litellm_params")
        credential = raw.get("litellm_credential_name") if isinstance(raw, Mapping) else None
        if isinstance(raw, Mapping) and isinstance(credential, str) and credential in credentials:
            rest = {k: v for k, v in raw.items() if k != "litellm_credential_name"}
            raw = {**credentials[credential], **rest}
        self.params = Table(raw, row.at("litellm_params"), notes)
        self.info = Table(row.take_raw("model_info"), row.at("model_info"), notes)
        self.made: dict[str, Any] = {}

    def read(self) -> Entry | None:
        name = self.row.text("model_name")
        model = self.params.text("model")
        if not name or not model:
            self.notes.left_out(self.row.path, "needs model_name and litellm_params.model")
            return None
        for path, text in (("model_name", name), ("litellm_params.model", model)):
            if "*" in text:
                why = "wildcards are not honoured; name each model"
                self.notes.left_out(f"{self.row.path}.{path}", f"{why}; the entry is left out")
                return None
        mode = self.info.text("mode") or "chat"
        if mode not in _CHAT_MODES:
            why = f"only chat and embeddings are routed, not {mode}; the entry is left out"
            self.notes.left_out(self.info.at("mode"), why)
            return None
        base = self.params.text("api_base") or self.params.text("base_url")
        self.params.take_raw("base_url")
        target = target_of(model, self.params.text("custom_llm_provider"), base is not None)
        if isinstance(target, str):
            self.notes.left_out(self.params.at("model"), f"{target}; the entry is left out")
            return None
        return self._entry(name, target, base)

    def _entry(self, name: str, target: Target, base: str | None) -> Entry | None:
        self.made["model"] = target.model
        if target.guessed:
            why = f'"{target.prefix}" is unknown: taken as a server that speaks OpenAI\'s format'
            self.notes.changed(self.params.at("model"), why)
        if target.provider:
            self.made["provider"] = target.provider
        if not self._address(target, base):
            return None
        self._key(target)
        self._headers()
        self._limits()
        self._timeouts()
        self._price()
        self._abilities()
        self._labels()
        entry = Entry(
            name,
            self.row.path,
            self.made,
            self._label(target),
            weight=self.params.number("weight"),
            order=self.params.number("order"),
        )
        limits = self.made.get("limits", {})
        entry.requests = limits.get("requests_per_minute")
        entry.tokens = limits.get("tokens_per_minute")
        self._note_the_rest()
        return entry

    def _label(self, target: Target) -> str:
        given = self.info.take("id")
        if isinstance(given, str) and given:
            return given
        return f"{target.provider or target.prefix}/{target.model}"

    # --- where ------------------------------------------------------------------------------------

    def _address(self, target: Target, base: str | None) -> bool:
        if target.prefix == "azure":
            return self._azure(target, base)
        if target.provider == "bedrock":
            region = self.params.text("aws_region_name")
            if region:
                self.made["region"] = region
                base = base or f"https://bedrock-runtime.{region}.amazonaws.com"
        if target.provider == "vertex":
            base = base or self._vertex()
            if base is None:
                path = self.params.at("vertex_project")
                self.notes.left_out(path, "is missing; the entry is left out")
                return False
        if base is not None:
            self.made["base_url"] = base_of(target.provider, base)
        elif not target.provider:
            self.notes.left_out(self.params.at("api_base"), "is missing; the entry is left out")
            return False
        return True

    def _azure(self, target: Target, base: str | None) -> bool:
        if base is None:
            path = self.params.at("api_base")
            self.notes.left_out(path, "is missing for Azure; the entry is left out")
            return False
        version = self.params.text("api_version")
        base = base.rstrip("/")
        if not target.provider:
            self.made["quirks"] = {"key_header": "api-key"}
        if version in ("latest", "preview", "v1") or base.endswith("/openai/v1"):
            self.made["base_url"] = base if base.endswith("/openai/v1") else f"{base}/openai/v1"
            return True
        if version is None:
            version = _AZURE_VERSION
            self.notes.changed(self.params.at("api_version"), f"none is given: {version}")
        query = urlencode({"api-version": version})
        deployment = quote(target.model, safe="")
        self.made["base_url"] = f"{base}/openai/deployments/{deployment}?{query}"
        return True

    def _vertex(self) -> str | None:
        project = self.params.text("vertex_project")
        place = self.params.text("vertex_location") or "us-central1"
        if project is None:
            return None
        host = "" if place == "global" else f"{place}-"
        self.made["region"] = place
        return (
            f"https://{host}aiplatform.googleapis.com/v1/projects/{project}/locations/{place}"
            "/publishers/google"
        )

    # --- keys and headers -------------------------------------------------------------------------

    def _key(self, target: Target) -> None:
        if target.provider == "bedrock":
            self._aws_keys()
        key = self.params.take_raw("api_key")
        path = self.params.at("api_key")
        if key is None:
            if target.default_key:
                self.made["api_key"] = f"env:{target.default_key}"
            return
        if callable(key):
            self.made["api_key"] = key
        elif not isinstance(key, str) or not key:
            self.notes.left_out(path, "is no text")
        elif key.startswith(_ENVIRON):
            self.made["api_key"] = f"env:{key.removeprefix(_ENVIRON)}"
        elif self.keep_keys:
            self.made["api_key"] = key
        else:
            name = f"{_variable(target.prefix)}_API_KEY"
            self.made["api_key"] = f"env:{name}"
            why = f"the key itself is not written down; export it as {name}"
            self.notes.changed(path, why)

    def _aws_keys(self) -> None:
        """Put AWS's parts of a key into one, as Bedrock's dialect takes them."""
        fields = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        path = self.params.at(fields[0])
        if fields[0] not in self.params:
            return
        parts = [self.params.take_raw(name) for name in fields]
        found = [_resolved(part) for part in parts if part is not None]
        if self.keep_keys and len(found) > 1 and all(found):
            self.made["api_key"] = ":".join(map(str, found))
            return
        self.made["api_key"] = "env:BEDROCK_API_KEY"
        why = "export BEDROCK_API_KEY as ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN]"
        self.notes.changed(path, why)

    def _headers(self) -> None:
        headers: dict[str, str] = {}
        organization = self.params.text("organization")
        if organization:
            headers["openai-organization"] = organization
        for field in ("headers", "extra_headers"):
            given = self.params.take(field)
            for name, value in given.items() if isinstance(given, Mapping) else ():
                if str(name).lower() in ("authorization", "x-api-key", "api-key"):
                    path = f"{self.params.at(field)}.{name}"
                    self.notes.left_out(path, "keys are given as api_key")
                elif isinstance(value, str) and not value.startswith(_ENVIRON):
                    headers[str(name)] = value
                else:
                    path = f"{self.params.at(field)}.{name}"
                    self.notes.left_out(path, "headers are written as text")
        if headers:
            self.made["headers"] = headers

    # --- numbers ----------------------------------------------------------------------------------

    def _limits(self) -> None:
        names = {
            "rpm": "requests_per_minute",
            "tpm": "tokens_per_minute",
            "max_parallel_requests": "in_flight",
        }
        limits: dict[str, int] = {}
        for theirs, ours in names.items():
            for table in (self.params, self.info):
                number = table.number(theirs, above=1)
                if number is not None:
                    limits.setdefault(ours, int(number))
        if limits:
            self.made["limits"] = limits

    def _timeouts(self) -> None:
        timeouts: dict[str, float] = {}
        whole = self.params.number("timeout")
        if whole is not None:
            timeouts["attempt_ms"] = whole * 1000
        first = self.params.number("stream_timeout")
        if first is not None:
            timeouts["ttft_ms"] = first * 1000
            why = "of a stream until its first content; pauses later: timeouts.idle_ms"
            self.notes.changed(self.params.at("stream_timeout"), why)
        if timeouts:
            self.made["timeouts"] = timeouts

    def _price(self) -> None:
        price: dict[str, float] = {}
        paths: list[str] = []
        for theirs, ours in _PER_TOKEN.items():
            for table in (self.params, self.info):
                number = table.number(theirs)
                if number is not None:
                    price.setdefault(ours, _million(number))
                    paths.append(table.at(theirs))
        if {"input_usd_per_million", "output_usd_per_million"} <= price.keys():
            self.made["price"] = price
        else:
            for path in paths:
                why = "a price needs both: per input and per output token"
                self.notes.left_out(path, why)

    def _abilities(self) -> None:
        context = self.info.number("max_input_tokens", above=1)
        if context is not None:
            self.made["context_tokens"] = int(context)
            why = "context_tokens bounds prompt and answer together"
            self.notes.changed(self.info.at("max_input_tokens"), why)
        answer = self.info.number("max_output_tokens", above=1)
        if answer is not None:
            self.made["max_output_tokens"] = int(answer)
        if self.info.number("max_tokens", above=1) not in (None, answer):
            why = "may mean prompt or answer; max_input_tokens and max_output_tokens say which"
            self.notes.left_out(self.info.at("max_tokens"), why)
        lacks = [ours for theirs, ours in _LACKS.items() if self.info.flag(theirs) is False]
        if lacks:
            self.made["lacks"] = lacks

    def _labels(self) -> None:
        region = self.params.text("region_name")
        if region:
            self.made["region"] = region
        for table in (self.params, self.info):
            tags = table.take("tags")
            if isinstance(tags, list) and all(isinstance(tag, str) and tag for tag in tags):
                self.made["tags"] = list(tags)
            elif tags is not None:
                self.notes.left_out(table.at("tags"), "is no list of texts")

    def _note_the_rest(self) -> None:
        for key, _ in self.params.remaining():
            self.notes.left_out(self.params.at(key), _WHY.get(key, _WITH_THE_CALL))
        for key, value in self.info.remaining():
            if key.startswith("supports_") and value is True:
                continue  # all that is not stated as missing is assumed
            why = _WHY.get(key, "information that nothing here looks at")
            self.notes.left_out(self.info.at(key), why)
        for key, _ in self.row.remaining():
            self.notes.left_out(self.row.at(key), "unknown to this translation")


def _resolved(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_ENVIRON):
        return os.environ.get(value.removeprefix(_ENVIRON))
    return value


def _variable(prefix: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in prefix).upper()


def _million(per_token: float) -> float:
    return float(f"{per_token * 1e6:.12g}")  # 1.5e-07 a token is 0.15, not 0.15000000000000002
