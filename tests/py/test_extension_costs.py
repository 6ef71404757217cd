"""What it costs to add a provider, a dialect, a policy or a signal: a toy of each is added.

The native toys are applied to a copy of the tree, which is built as far as they reach, and their
own tests have to pass there. What is counted are the files that were added or changed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import llmroute


@dataclass
class Toy:
    """Files to add, and edits as (text that is there, text that comes before it)."""

    layer: str
    added: dict[str, str]
    edited: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def apply(self, tree: Path) -> int:
        """Add the toy to a tree; return how many files that took."""
        for name, text in self.added.items():
            path = tree / name
            assert not path.exists()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for name, edits in self.edited.items():
            text = (tree / name).read_text()
            for anchor, insertion in edits:
                assert text.count(anchor) == 1, (
                    f"{name}: {anchor!r} is there {text.count(anchor)} x"
                )
                text = text.replace(anchor, insertion + anchor)
            (tree / name).write_text(text)
        return len(self.added) + len(self.edited)


DIALECT = Toy(
    layer="provider",
    added={
        "cpp/llmroute/provider/toy.cpp": """
#include "llmroute/provider/dialect.h"

namespace llmroute::provider {
namespace {

// OpenAI's format under another name.
class ToyDialect final : public Dialect {
 public:
  std::string_view name() const override { return "toy"; }
  ParameterSet unsupported() const override { return as().unsupported(); }
  Result<Encoded> encode(const ChatRequest& request, const Deployment& deployment,
                         const Secret& key, WallTime now) const override {
    return as().encode(request, deployment, key, now);
  }
  std::variant<ReplySummary, Failure> read_reply(std::string_view body) const override {
    return as().read_reply(body);
  }
  Result<std::string> to_openai(std::string_view body, std::string_view model) const override {
    return as().to_openai(body, model);
  }
  std::unique_ptr<StreamDecoder> stream_decoder(const Deployment& deployment) const override {
    return as().stream_decoder(deployment);
  }
  Failure classify(const wire::ResponseHead& head, std::string_view body,
                   WallTime now) const override {
    return as().classify(head, body, now);
  }
  AnnouncedLimits read_limits(const wire::Headers& headers, WallTime now) const override {
    return as().read_limits(headers, now);
  }

 private:
  static const Dialect& as() { return *find_dialect("openai"); }
};

}  // namespace

const Dialect& toy_dialect() {
  static const ToyDialect dialect;
  return dialect;
}

}  // namespace llmroute::provider
""",
        "tests/cpp/provider/toy_test.cpp": """
#include <gtest/gtest.h>

#include "llmroute/provider/dialect.h"

TEST(Toy, IsADialect) {
  const auto* toy = llmroute::provider::find_dialect("toy");
  ASSERT_NE(toy, nullptr);
  llmroute::Inventory inventory;
  inventory.deployments.emplace_back().dialect = "toy";
  EXPECT_TRUE(llmroute::provider::resolve_dialects(inventory));
  llmroute::ParameterSet unsupported = toy->unsupported();
  unsupported.set(static_cast<std::size_t>(llmroute::Parameter::beta_headers));  // it lists none
  EXPECT_EQ(inventory.deployments[0].unsupported, unsupported);
}
""",
    },
    edited={
        "cpp/llmroute/provider/registry.cpp": [
            ("const Dialect& openai_dialect();", "const Dialect& toy_dialect();\n"),
            ("&openai_dialect(), ", "&toy_dialect(), "),
        ]
    },
)

POLICY = Toy(
    layer="policy",
    added={
        "cpp/llmroute/policy/toy.cpp": """
#include "llmroute/policy/policy.h"

namespace llmroute::policy {
namespace {

class Toy final : public Policy {
 public:
  explicit Toy(double factor) : factor_(factor) {}
  void rank(const RankContext&, std::span<Ranked> candidates) override {
    for (Ranked& c : candidates) c.score = -factor_ * c.deployment;
    order_by_score(candidates);
  }

 private:
  double factor_;
};

}  // namespace

std::unique_ptr<Policy> make_toy(const Group&, const std::map<std::string, double>& options) {
  return std::make_unique<Toy>(options.at("factor"));
}

}  // namespace llmroute::policy
""",
        "tests/cpp/policy/toy_test.cpp": """
#include <gtest/gtest.h>

#include "llmroute/policy/planner.h"

namespace llmroute::policy {

TEST(Toy, RanksAndShowsItsOptions) {
  EXPECT_NE(policy_schema_json().find("\\"toy\\""), std::string::npos);
  EXPECT_NE(policy_schema_json().find("how far to turn"), std::string::npos);
  Inventory inventory;
  inventory.deployments.resize(2);
  const health::Board board;
  Random random{1};
  const PolicyEntry* entry = find_policy("toy");
  ASSERT_NE(entry, nullptr);
  const auto toy = entry->make(Group{}, {{"factor", 2.0}});
  std::vector<Ranked> ranked(2);
  ranked[1].deployment = 1;
  toy->rank({inventory, board, Facts{}, Instant{}, random}, ranked);
  EXPECT_EQ(ranked[0].deployment, 1u);
  EXPECT_EQ(ranked[0].score, -2.0);
}

}  // namespace llmroute::policy
""",
    },
    edited={
        "cpp/llmroute/policy/registry.cpp": [
            (
                "namespace {\n",
                "std::unique_ptr<Policy> make_toy(const Group&, "
                "const std::map<std::string, double>&);\n\n",
            ),
            (
                "constexpr std::array kPolicies",
                "constexpr std::array kToyOptions = {\n"
                '    OptionSchema{"factor", 1.0, 0.0, 9.0, "factor", "how far to turn"}};\n\n',
            ),
            (
                '    PolicyEntry{"ordered"',
                '    PolicyEntry{"toy", 1, "the last first", kToyOptions, make_toy},\n',
            ),
        ]
    },
)

SIGNAL = Toy(
    layer="health",
    added={
        "cpp/llmroute/health/toy.h": """
#pragma once

#include "llmroute/health/signal.h"

namespace llmroute::health {

class Toy : public Signal {
 public:
  void on_start(Instant, Work&);
  void describe(Instant, NumberSink& sink) const;

 private:
  int starts_ = 0;
};

}  // namespace llmroute::health
""",
        "cpp/llmroute/health/toy.cpp": """
#include "llmroute/health/toy.h"

namespace llmroute::health {

void Toy::on_start(Instant, Work&) { ++starts_; }
void Toy::describe(Instant, NumberSink& sink) const { sink.number("toy_starts", starts_); }

}  // namespace llmroute::health
""",
        "tests/cpp/health/toy_test.cpp": """
#include <gtest/gtest.h>

#include <map>

#include "llmroute/health/board.h"

namespace llmroute::health {

struct Numbers : NumberSink {
  void number(std::string_view name, double value) override { all[std::string(name)] = value; }
  std::map<std::string, double> all;
};

// What the board describes is what snapshots, decisions and metrics show.
TEST(Toy, IsHeardAndShownByTheBoard) {
  Inventory inventory;
  inventory.deployments.emplace_back().name = "a";
  Board board;
  board.configure(inventory);
  Work work;
  board.on_start(0, Instant{}, work);
  Numbers numbers;
  board.describe(0, Instant{}, numbers);
  EXPECT_EQ(numbers.all.at("toy_starts"), 1.0);
}

}  // namespace llmroute::health
""",
    },
    edited={
        "cpp/llmroute/health/signals.h": [
            ("\nnamespace llmroute::health {", '#include "llmroute/health/toy.h"\n'),
            ("TokenRatio>;", "Toy, "),
        ]
    },
)


@pytest.fixture
def tree(source_root: Path, tmp_path: Path) -> Path:
    """A copy of the native tree with nobody's tests in it."""
    for name in ("CMakeLists.txt", ".ci/layers.json", "tests/cpp/CMakeLists.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source_root / name, tmp_path / name)
    shutil.copytree(source_root / "cmake", tmp_path / "cmake")
    shutil.copytree(source_root / "cpp" / "llmroute", tmp_path / "cpp" / "llmroute")
    return tmp_path


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-6000:]}"
    return done.stdout


def build_and_test(tree: Path, layers: list[str], target: str) -> str:
    """Build one test executable and run it, with objects shared with the package's own build."""
    # As deep in its tree as the package's build, and with its flags: ccache then knows the rest.
    build = tree / "build" / "toy"
    run(
        *("cmake", "-S", tree, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release"),
        *("-DLLMROUTE_BUILD_TESTS=ON", "-DLLMROUTE_WERROR=ON"),
        f"-DLLMROUTE_LAYERS={';'.join(layers)}",
        cwd=tree,
    )
    run("cmake", "--build", build, "-j", os.environ.get("JOBS", "2"), "--target", target, cwd=tree)
    return run(build / "tests" / "cpp" / target, cwd=tree)


needs_tools = pytest.mark.skipif(
    shutil.which("cmake") is None or shutil.which("ninja") is None,
    reason="needs cmake and ninja, which an installed package does not",
)


@needs_tools
@pytest.mark.parametrize(
    ("toy", "below", "files"),
    [
        pytest.param(DIALECT, ["base", "model", "wire"], 3, id="dialect"),
        pytest.param(
            POLICY,
            ["base", "model", "wire", "health", "analysis", "provider", "store", "limits", "cache"],
            3,
            id="policy",
        ),
        pytest.param(SIGNAL, ["base", "model", "wire"], 4, id="signal"),
    ],
)
def test_a_native_toy(toy: Toy, below: list[str], files: int, tree: Path) -> None:
    assert toy.apply(tree) == files
    output = build_and_test(tree, [*below, toy.layer], f"test_{toy.layer}")
    assert "[  PASSED  ] 1 test." in output


PROVIDER = """
[providers.acme]
dialect = "openai"
base_url = "https://api.acme.example/v1"
"""


def test_a_provider_is_one_entry_of_the_catalogue(tmp_path: Path) -> None:
    copy = tmp_path / "site" / "llmroute"
    shutil.copytree(Path(llmroute.__file__).parent, copy)
    native = Path(sys.modules["llmroute._core"].__file__ or "")
    if not (copy / native.name).exists():
        shutil.copy(native, copy / native.name)
    catalogue = copy / "data" / "providers.toml"
    catalogue.write_text(catalogue.read_text() + PROVIDER)
    code = "import llmroute; print(llmroute.Router(['acme/large']).models, llmroute.__file__)"
    # Without site: neither the installed package nor the finder of an editable one gets in the way.
    search = os.pathsep.join([str(tmp_path / "site"), *sys.path])
    output = run(sys.executable, "-S", "-c", code, cwd=tmp_path, PYTHONPATH=search)
    assert "'acme/large'" in output
    assert str(copy) in output


def test_a_provider_from_python_takes_no_file() -> None:
    with pytest.raises(llmroute.ConfigError, match="acme"):
        llmroute.Router(["acme/large"])
    provider = {"dialect": "openai", "base_url": "https://api.acme.example/v1"}
    config = {
        "version": 1,
        "providers": {"acme": provider},
        "groups": {"default": {"deployments": ["acme/large"]}},
    }
    with llmroute.Router.from_dict(config) as router:
        assert "acme/large" in router.models


def plan(decision: llmroute.Decision) -> list[str]:
    ranked = sorted((c for c in decision.candidates if c["rank"] is not None), key=by_rank)
    return [c["deployment"] for c in ranked]


def by_rank(candidate: dict[str, Any]) -> int:
    return int(candidate["rank"])


def test_a_policy_in_python_takes_no_file() -> None:
    @llmroute.policy
    def last_first(request: object, candidates: list[object], context: object) -> list[object]:
        return list(reversed(candidates))

    with llmroute.Router(["ollama/a", "ollama/b"]) as router:
        assert plan(router.explain("hi")) == ["ollama/a", "ollama/b"]
        decision = router.explain("hi", policy=last_first)
    assert plan(decision) == ["ollama/b", "ollama/a"]
    assert "last_first" in str(decision)
