"""The model catalogue: what it fills in, what it refuses, and the command that renews it."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmroute import _models_dev, catalogue, config
from llmroute.catalogue import Catalogue
from llmroute.cli import main
from llmroute.errors import ConfigError
from llmroute.lint import lint_document

MODEL = {
    "cost": {"input": 2, "output": 8, "cache_read": 0.5},
    "limit": {"context": 1000, "output": 100},
    "modalities": {"input": ["text"], "output": ["text"]},
    "tool_call": True,
    "structured_output": False,
}
SNAPSHOT = {"acme": {"models": {"m-1": MODEL}}}
SHARED = Path(__file__).resolve().parents[3] / "shared/data/catalogue/models_dev.json.gz"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's data folder that nobody has written to."""
    monkeypatch.delenv("LLMROUTE_CATALOGUE", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "platform", "linux")
    return tmp_path / "home"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Any], str]:
    def put(document: Any, name: str = "new.json") -> str:
        path = tmp_path / name
        text = document if isinstance(document, bytes) else json.dumps(document).encode()
        path.write_bytes(text)
        return str(path)

    return put


def meaning_of(document: dict[str, Any]) -> dict[str, Any]:
    deployments: dict[str, Any] = config.check(document)["deployments"]
    return deployments


def whole(**entry: Any) -> dict[str, Any]:
    return {"about": {"date": "2026-10-01"}, "models": {"acme/m-1": entry}}


# --- what comes along -----------------------------------------------------------------------------


def test_the_shipped_one_is_small_dated_and_knows_its_licence() -> None:
    path = Path(catalogue.__file__).parent / "data" / "catalogue.json.gz"
    assert path.stat().st_size <= 400 << 10
    shipped = Catalogue.shipped()
    assert shipped.date == "2026-07-02"
    assert len(shipped) > 1_000
    licence = path.with_name("catalogue.LICENSE").read_text(encoding="utf-8")
    assert "models.dev" in licence
    assert "Permission is hereby granted" in licence


def test_every_shipped_entry_is_accepted_by_the_core() -> None:
    from llmroute import _core

    shipped = Catalogue.shipped()
    names = [name for name in shipped if shipped.find(name)]
    deployments = {
        f"d{i}": {"base_url": "http://h", "model": "m", "catalogue": name}
        for i, name in enumerate(names)
    }
    document = {"deployments": deployments, "groups": {"g": {"deployments": ["d0"]}}}
    loaded = config.load(document)
    meaning = json.loads(_core.check_config(loaded.json, loaded.catalogue_json))
    priced = [d for d in meaning["deployments"].values() if d["price_known"]]
    assert len(priced) == sum("price" in entry for entry in shipped.entries().values())
    assert all(d["price_date"] == "2026-07-02" and d["price_from_catalogue"] for d in priced)


def test_the_shipped_one_is_what_the_script_makes(source_root: Path, tmp_path: Path) -> None:
    if not SHARED.is_file():
        pytest.skip("../shared/data/catalogue is not here")
    script = source_root / ".ci" / "make_catalogue"
    made = catalogue.read(SHARED)
    assert made.entries() == Catalogue.shipped().entries()
    assert made.dumps() == catalogue.read(SHARED).dumps(), "the same bytes each time"
    ran = subprocess.run(
        [sys.executable, str(script), "--check", str(SHARED)], capture_output=True, check=False
    )
    assert ran.returncode in (0, 1), ran.stderr


def test_nothing_is_free_by_omission() -> None:
    for name, entry in Catalogue.shipped().entries().items():
        price = entry.get("price")
        if price and price["input_usd_per_million"] == price["output_usd_per_million"] == 0:
            assert name.endswith(":free"), name


# --- what it fills in -----------------------------------------------------------------------------


def test_known_models_are_filled_in() -> None:
    known = meaning_of({"groups": {"g": {"deployments": ["openai/gpt-4o", "openai/gpt-none"]}}})
    assert known["openai/gpt-4o"]["price_known"]
    assert known["openai/gpt-4o"]["price_from_catalogue"]
    assert known["openai/gpt-4o"]["price_date"] == "2026-07-02"
    assert not known["openai/gpt-none"]["price_known"]


@pytest.mark.parametrize(
    ("deployment", "known"),
    [
        ({"provider": "openai", "model": "gpt-4o"}, True),
        ({"provider": "openai", "model": "gpt-4o", "base_url": "http://127.0.0.1:1/v1"}, False),
        ({"provider": "openai", "model": "gpt-4o-20991231"}, False),
        ({"provider": "together", "model": "Qwen/Qwen3.5-397B-A17B"}, True),
        ({"base_url": "http://127.0.0.1:1/v1", "model": "x", "catalogue": "azure/gpt-4o"}, True),
        ({"provider": "lmstudio", "model": "openai/gpt-oss-20b"}, False),
    ],
)
def test_only_what_is_certain(deployment: dict[str, Any], known: bool) -> None:
    document = {"deployments": {"d": deployment}, "groups": {"g": {"deployments": ["d"]}}}
    assert meaning_of(document)["d"]["price_known"] is known


def test_a_price_of_ones_own_wins() -> None:
    price = {"input_usd_per_million": 9, "output_usd_per_million": 9}
    document = {
        "deployments": {"openai/gpt-4o": {"price": price}},
        "groups": {"g": {"deployments": ["openai/gpt-4o"]}},
    }
    known = meaning_of(document)["openai/gpt-4o"]
    assert (known["price_known"], known["price_from_catalogue"]) == (True, False)
    assert known["price_date"] is None


def test_it_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    document: dict[str, Any] = {"groups": {"g": {"deployments": ["openai/gpt-4o"]}}}
    assert not meaning_of({**document, "catalogue": False})["openai/gpt-4o"]["price_known"]
    monkeypatch.setenv("LLMROUTE_CATALOGUE", "off")
    assert not meaning_of(document)["openai/gpt-4o"]["price_known"]


def test_an_entry_that_is_not_there() -> None:
    deployment = {"base_url": "http://h", "model": "m", "catalogue": "openai/gpt-none"}
    document = {"deployments": {"d": deployment}, "groups": {"g": {"deployments": ["d"]}}}
    with pytest.raises(ConfigError, match="names no entry of the model catalogue") as caught:
        config.check(document)
    assert caught.value.path == "deployments.d.catalogue"


@pytest.mark.parametrize(
    "document", [{}, {"groups": 5}, {"groups": {"g": [1, None]}}, {"deployments": {"d": 7}}]
)
def test_documents_that_nobody_has_checked(document: dict[str, Any]) -> None:
    assert catalogue.known_models(document) == {}


def test_names_are_found_wherever_they_stand() -> None:
    name = "openai/gpt-4o"
    documents: list[dict[str, Any]] = [
        {"groups": {"g": {"deployments": [{"use": name}]}}},
        {"groups": {"g": {"fallbacks": [name]}}},
        {"rules": [{"then": {"chain": ["g", name]}}]},
        {"budgets": {"b": {"at": [{"share": 0.5, "group": name}]}}},
        {"experiments": {"e": {"arms": [{"group": name}]}}},
        {"deployments": {"d": {"provider": "openai", "model": "gpt-4o"}}},
    ]
    for document in documents:
        assert list(catalogue.known_models(document)) == [name], document


def test_the_linter_sees_the_same_and_says_when_it_is_old() -> None:
    import datetime

    group = {"deployments": ["openai/gpt-4o", "openai/gpt-4.1"], "policy": "least_cost"}
    document: dict[str, Any] = {"groups": {"g": group}}
    today = datetime.date(2026, 11, 26)
    found = lint_document(document, today=today, environ={"OPENAI_API_KEY": "k"})
    assert "price_unknown" not in {f.slug for f in found}
    (old,) = [f for f in found if f.slug == "price_old"]
    assert old.severity == "info"
    assert "147 days ago" in old.message
    without = lint_document({**document, "catalogue": False}, today=today, environ={})
    assert "price_unknown" in {f.slug for f in without}


# --- what models.dev publishes --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cost", "price"),
    [
        ({"input": 2, "output": 8}, {"input_usd_per_million": 2, "output_usd_per_million": 8}),
        ({"input": 2}, None),
        ({"input": 0, "output": 0}, None),
        ({"input": 2, "output": 8, "request": 5}, None),
        (
            {"input": 2, "output": 8, "reasoning": 9, "input_audio": 32},
            {
                "input_usd_per_million": 2,
                "output_usd_per_million": 8,
                "reasoning_usd_per_million": 9,
                "audio_input_usd_per_million": 32,
            },
        ),
        (
            {
                "input": 2,
                "output": 8,
                "tiers": [{"input": 4, "output": 9, "tier": {"size": 200000, "type": "context"}}],
            },
            {
                "input_usd_per_million": 2,
                "output_usd_per_million": 8,
                "tiers": [
                    {
                        "above_tokens": 200000,
                        "input_usd_per_million": 4,
                        "output_usd_per_million": 9,
                    }
                ],
            },
        ),
    ],
)
def test_prices_are_taken_over(cost: dict[str, Any], price: dict[str, Any] | None) -> None:
    entry = _models_dev.entries_of({"acme": {"models": {"m": {"cost": cost}}}})["acme/m"]
    assert entry.get("price") == price


def test_free_by_name_priority_and_an_hour_in_the_cache() -> None:
    free = {"cost": {"input": 0, "output": 0}}
    fast = {
        "cost": {"input": 2, "output": 8},
        "experimental": {
            "modes": {
                "fast": {
                    "cost": {"input": 4, "output": 16},
                    "provider": {"body": {"service_tier": "priority"}},
                }
            }
        },
    }
    cached = {"cost": {"input": 3, "output": 15, "cache_write": 3.75}}
    entries = _models_dev.entries_of(
        {
            "acme": {"models": {"a:free": free, "b": fast, "c": cached}},
            "anthropic": {"models": {"c": cached}},
        }
    )
    assert entries["acme/a:free"]["price"]["input_usd_per_million"] == 0
    assert entries["acme/b"]["price"]["service_tiers"]["priority"]["output_usd_per_million"] == 16
    hour = "cache_write_hour_usd_per_million"
    assert entries["anthropic/c"]["price"][hour] == 6
    assert hour not in entries["acme/c"]["price"]


# --- renewing -------------------------------------------------------------------------------------


def update(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["catalogue", "update", *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_update_shows_what_changes_and_is_used_from_then_on(
    write: Callable[..., str], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = Catalogue.shipped().entries()
    entries["openai/gpt-4o"]["price"]["input_usd_per_million"] = 1.5
    del entries["openai/gpt-4"]
    entries["acme/new"] = {"context_tokens": 5}
    file = write({"about": {"date": "2026-10-01"}, "models": entries})
    code, out, _ = update(capsys, file)
    assert code == 0
    assert "openai/gpt-4o  price.input_usd_per_million: 2.5 -> 1.5" in out
    assert "- openai/gpt-4\n" in out
    assert "+ acme/new\n" in out
    assert "3 changes" in out
    assert (home / "llmroute" / "catalogue.json.gz").is_file()
    now = catalogue.active()
    assert now is not None
    assert now.date == "2026-10-01"
    entry = now.find("openai/gpt-4o")
    assert entry is not None
    assert entry["price"]["input_usd_per_million"] == 1.5
    assert [path.name for path in (home / "llmroute").iterdir()] == ["catalogue.json.gz"]


def test_update_from_what_models_dev_publishes(
    write: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = update(capsys, write(SNAPSHOT))
    assert code == 2
    assert "give a date" in err
    code, out, _ = update(capsys, write(SNAPSHOT), "--date", "2026-11-01", "--json")
    report = json.loads(out)
    assert (code, report["to"], report["models"]) == (0, "2026-11-01", 1)
    entry = catalogue.active().find("acme/m-1")  # type: ignore[union-attr]
    assert entry == {
        "price": {
            "input_usd_per_million": 2,
            "output_usd_per_million": 8,
            "cached_input_usd_per_million": 0.5,
            "date": "2026-11-01",
        },
        "context_tokens": 1000,
        "max_output_tokens": 100,
        "tools": True,
        "structured_output": False,
        "input": ["text"],
        "output": ["text"],
    }


PRICE = {"input_usd_per_million": 1, "output_usd_per_million": 2}


@pytest.mark.parametrize(
    ("document", "path", "reason"),
    [
        (b"", None, "not valid JSON"),
        (b"[]", None, "must be a table"),
        (b"\x1f\x8b\x08\x00cut", None, "is not whole"),
        (gzip.compress(b"{}")[:-4], None, "is not whole"),
        ({"about": {"date": "2026-10-01"}}, "models", "must be a table"),
        ({"about": {"date": "2026-10-01"}, "models": {}}, "models", "must hold 1 to"),
        ({**whole(), "about": {"date": "1 May"}}, "about.date", "must be a date"),
        ({**whole(), "more": 1}, "more", "unknown key"),
        (whole(context_tokens=0), 'models."acme/m-1".context_tokens', "whole number"),
        (whole(context_tokens=True), 'models."acme/m-1".context_tokens', "whole number"),
        (whole(tools=1), 'models."acme/m-1".tools', "true or false"),
        (whole(cost=1), 'models."acme/m-1".cost', "unknown key"),
        (
            whole(price={"input_usd_per_million": 1}),
            'models."acme/m-1".price.output_usd_per_million',
            "is missing",
        ),
        (
            whole(price={**PRICE, "output_usd_per_million": -1}),
            'models."acme/m-1".price.output_usd_per_million',
            "must be a number from 0",
        ),
        (
            whole(price={**PRICE, "input_usd_per_million": "2"}),
            'models."acme/m-1".price.input_usd_per_million',
            "must be a number from 0",
        ),
        (
            whole(price={**PRICE, "tiers": [{"above_tokens": 5}]}),
            'models."acme/m-1".price.tiers[0]',
            "changes nothing",
        ),
        (
            whole(price={**PRICE, "tiers": [{"above_tokens": 5, **PRICE}] * 2}),
            'models."acme/m-1".price.tiers[1].above_tokens',
            "is not above",
        ),
        (
            whole(price={**PRICE, "service_tiers": {"fast": PRICE}}),
            'models."acme/m-1".price.service_tiers.fast',
            "unknown service tier",
        ),
        ({"about": {"date": "2026-10-01"}, "models": {"m": {}}}, 'models."m"', "provider/model"),
    ],
)
def test_a_faulty_one_changes_nothing(
    document: Any,
    path: str | None,
    reason: str,
    write: Callable[..., str],
    home: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    catalogue.store(Catalogue.of({"acme/m": {}}, date="2026-08-01"), catalogue.user_path())
    before = catalogue.user_path().read_bytes()
    code, _, err = update(capsys, write(document))
    assert code == 2
    assert reason in err
    assert path is None or path in err
    assert catalogue.user_path().read_bytes() == before


def test_a_dry_run_and_an_older_one_store_nothing(
    write: Callable[..., str], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newer = write(whole(price=PRICE))
    assert update(capsys, newer, "--dry-run")[0] == 0
    assert not home.exists()
    older = write({**whole(price=PRICE), "about": {"date": "2020-01-01"}}, "old.json")
    code, out, _ = update(capsys, older)
    assert code == 1
    assert "the one in use is newer" in out
    assert not home.exists()


def test_a_broken_file_of_the_users_is_passed_over(home: Path) -> None:
    catalogue.user_path().parent.mkdir(parents=True)
    catalogue.user_path().write_bytes(b"nonsense")
    with pytest.warns(UserWarning, match="the shipped catalogue is used"):
        now = catalogue.active()
    assert now is not None
    assert now.date == "2026-07-02"


def test_a_named_file_counts_whatever_its_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.json.gz"
    monkeypatch.setenv("LLMROUTE_CATALOGUE", str(path))
    with pytest.raises(ConfigError, match="cannot be read"):
        catalogue.active()
    catalogue.store(Catalogue.of({"acme/m": {}}, date="2020-01-01"), path)
    now = catalogue.active()
    assert now is not None
    assert (now.date, list(now)) == ("2020-01-01", ["acme/m"])
    assert catalogue.user_path() == path


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "show"]) == 0
    assert "date: 2026-07-02" in capsys.readouterr().out
    assert main(["catalogue", "show", "openai/gpt-4o"]) == 0
    assert "price.input_usd_per_million: 2.5" in capsys.readouterr().out
    assert main(["catalogue", "show", "openai/gpt-4o", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["context_tokens"] == 128_000
    assert main(["catalogue", "show", "openai/gpt-4oo"]) == 1
    assert "did you mean openai/gpt-4o" in capsys.readouterr().out


def test_update_needs_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["catalogue", "update"])
    assert "update needs a file" in capsys.readouterr().err


def test_what_the_router_loads_is_little(run_python: Callable[..., Any]) -> None:
    code = (
        "import sys, llmroute; assert 'llmroute.catalogue' not in sys.modules\n"
        "import llmroute.config\n"
        "llmroute.config.load({'groups': {}})\n"
        "from llmroute import catalogue\n"
        "assert catalogue._loaded.cache_info().misses == 0, 'nothing is named, nothing is read'\n"
    )
    ran = run_python(code)
    assert ran.returncode == 0, ran.stderr
