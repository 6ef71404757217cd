"""The checks of the tree refuse what they are there to refuse."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest


def run_check(source_root: Path, name: str, tree: Path, *more: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(source_root / ".ci" / name), str(tree), *more],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="session")
def cppscan(source_root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("cppscan", source_root / ".ci" / "cppscan.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["cppscan"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tree(source_root: Path, tmp_path: Path) -> Path:
    """A small tree in order, for the tests to spoil."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(source_root / ".ci" / "layers.json", tmp_path / ".ci" / "layers.json")
    write(tmp_path, "cpp/llmroute/base/error.h", "#include <boost/system/result.hpp>\n")
    write(tmp_path, "cpp/llmroute/model/price.h", '#include "llmroute/base/error.h"\n')
    write(tmp_path, "cpp/llmroute/model/price.cpp", "#include <nlohmann/json.hpp>\n")
    write(tmp_path, "cpp/llmroute/net/loop.cpp", "#include <boost/asio/ip/tcp.hpp>\n")
    write(tmp_path, "cpp/bindings/module.cpp", "#include <pybind11/pybind11.h>\n")
    write(tmp_path, "tests/cpp/net/loop_test.cpp", '#include "llmroute/base/error.h"\n')
    return tmp_path


def write(tree: Path, name: str, text: str) -> None:
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_this_tree_passes(source_root: Path) -> None:
    for name in ("check_layers", "check_size"):
        status, output = run_check(source_root, name, source_root)
        assert status == 0, output


def test_layers_accept_a_tree_in_order(tree: Path, source_root: Path) -> None:
    status, output = run_check(source_root, "check_layers", tree)
    assert status == 0, output
    assert "6 files in 4 layers, 0 faults" in output


BAD_TREES = {
    "upward": ("base/a.h", '#include "llmroute/model/price.h"', "may not include model"),
    "same level": ("model/a.h", '#include "llmroute/wire/sse.h"', "may not include wire"),
    "upward in a test": (
        "../../tests/cpp/base/a_test.cpp",
        '#include "llmroute/engine/request.h"',
        "may not include engine",
    ),
    "no such layer": ("net/a.h", '#include "llmroute/util/x.h"', "there is no layer 'util'"),
    "unknown folder": ("util/a.h", "int x;", "'util' is no layer"),
    "no folder": ("a.h", "int x;", "is no layer"),
    "unknown folder beside the core": ("../tools/a.cpp", "int x;", "'tools' is no layer"),
    "relative": ("model/a.cpp", '#include "price.h"', "begin at the include root"),
    "pybind11": ("runtime/a.cpp", "#include <pybind11/pybind11.h>", "only in bindings"),
    "Python.h": ("runtime/a.cpp", "#include <Python.h>", "only in bindings"),
    "curl": ("runtime/a.cpp", "#include <curl/curl.h>", "only in net"),
    "asio sockets": ("runtime/a.cpp", "#include <boost/asio/ip/tcp.hpp>", "only in net, serve"),
    "asio": ("engine/a.cpp", "#include <boost/asio.hpp>", "only in net, serve"),
    "beast": ("runtime/a.cpp", "#include <boost/beast/http.hpp>", "only in net, serve"),
    "json in a header": ("model/a.h", "#include <nlohmann/json.hpp>", "model (.cpp only)"),
    "json elsewhere": ("engine/a.cpp", "#include <nlohmann/json.hpp>", "model (.cpp only)"),
    "sqlite": ("runtime/a.cpp", "#include <sqlite3.h>", "store (.cpp only)"),
    "re2": ("engine/a.cpp", "#include <re2/re2.h>", "policy (.cpp only)"),
    "unlisted": ("base/a.h", "#include <fmt/format.h>", "belongs to no library"),
    "other boost": ("base/a.h", "#include <boost/any.hpp>", "belongs to no library"),
    "spaced include": ("engine/a.cpp", "  #  include\t<sqlite3.h>", "store (.cpp only)"),
    "co_await": ("net/a.cpp", "void f() { co_await g(); }", "state machine"),
    "co_return": ("net/a.cpp", "T f() { co_return; }", "state machine"),
    "format": ("base/a.cpp", 'auto s = std::format("{}", 1);', "absent from GCC 12"),
    "expected": ("base/a.cpp", "std::expected<int, E> f();", "llmroute::Result"),
    "views": ("base/a.cpp", "for (int i : v | std::views::reverse) {}", "write the loop"),
    "distribution": ("sim/a.cpp", "std::normal_distribution<> d;", "llmroute::Random"),
    "clock": ("engine/a.cpp", "auto t = std::chrono::steady_clock::now();", "time is passed"),
}


@pytest.mark.parametrize("case", BAD_TREES, ids=str)
def test_layers_refuse(case: str, tree: Path, source_root: Path) -> None:
    name, text, expected = BAD_TREES[case]
    write(tree, f"cpp/llmroute/{name}", f"\n{text}\n")
    status, output = run_check(source_root, "check_layers", tree)
    assert status == 1, output
    assert expected in output
    assert "1 faults" in output
    if "is no layer of" not in output:
        assert f"{Path(name).name}:2: " in output, "the line is named"


GOOD_SOURCES = {
    "comment": "// co_await is not used, nor std::format",
    "block comment": "/* #include <sqlite3.h>\n co_await */",
    "string": 'const char* kHelp = "co_await std::format";',
    "raw string": 'const char* kHelp = R"(co_await " std::format)";',
    "escaped quote": r'const char* kQuote = "\" co_await ";',
    "character": "char q = '\"'; // co_await \"",
    "digits": "int n = 1'000'000; // co_await '",
    "part of a word": "int co_await_count = 0; struct my_format {};",
    "system": "#include <sys/socket.h>\n#include <unistd.h>\n#include <vector>",
}


@pytest.mark.parametrize("case", GOOD_SOURCES, ids=str)
def test_layers_accept(case: str, tree: Path, source_root: Path) -> None:
    write(tree, "cpp/llmroute/engine/a.cpp", GOOD_SOURCES[case] + "\n")
    status, output = run_check(source_root, "check_layers", tree)
    assert status == 0, output


FUNCTIONS = {
    "plain": ("int f(int a) {\n  return a;\n}", [("f", 1, 3)]),
    "two on lines": ("void f() {}\n\nvoid g() {\n}\n", [("f", 1, 1), ("g", 3, 2)]),
    "head on lines": ("int f(int a,\n      int b) {\n  return a;\n}", [("f", 1, 4)]),
    "declaration": ("int f();\nint x = 3;\nint y{4};", []),
    "namespace": ("namespace a::b {\nvoid f() {\n}\n}  // namespace", [("f", 2, 2)]),
    "unnamed namespace": ("namespace {\nvoid f() {}\n}", [("f", 2, 1)]),
    "inline namespace": ("inline namespace v1 {\nvoid f() {}\n}", [("f", 2, 1)]),
    "linkage": ('extern "C" {\nvoid f() {}\n}', [("f", 2, 1)]),
    "class": (
        "class A final : public B<int(int)> {\n public:\n  A() : x_(1), y_{2} {}\n"
        "  ~A() override {\n  }\n  int g() const noexcept { return x_; }\n"
        " private:\n  int x_;\n  int z_ = 3;\n  V v_{1, 2};\n};",
        [("A", 3, 1), ("~A", 4, 2), ("g", 6, 1)],
    ),
    "class in class": ("struct A {\n  struct B {\n    void f() {}\n  };\n};", [("f", 3, 1)]),
    "initialisers on lines": (
        "A::A(int a)\n    : x_{a},\n      y_(std::vector<int>{1, 2}),\n"
        "      z_{f(1), {2}} {\n  g();\n}",
        [("A", 1, 6)],
    ),
    "base initialiser": ("A::A() : B<int>{1}, c_{2} {\n}", [("A", 1, 2)]),
    "default argument": ("void f(int a = 3, V v = {1, 2}) {\n}", [("f", 1, 2)]),
    "operators": (
        "bool operator==(const A& a, const A& b) { return true; }\n"
        "A& operator=(A&& a) {\n}\nvoid operator()(int) const {}\n"
        "auto operator<=>(const A&) const = default;",
        [("operator==", 1, 1), ("operator=", 2, 2), ("operator()", 4, 1)],
    ),
    "conversion": ("struct A {\n  explicit operator bool() const { return true; }\n};", 1),
    "trailing return": ("auto f() -> std::map<int, V> {\n}", [("f", 1, 2)]),
    "reference qualified": ("struct A {\n  int f() && {\n  }\n};", [("f", 2, 2)]),
    "template": (
        "template <typename T, std::enable_if_t<(sizeof(T) > 2)>* = nullptr>\nvoid f(T t) {\n}",
        1,
    ),
    "requires": (
        "template <class T>\n  requires std::integral<T>\nvoid f(T t) {\n}",
        [("f", 1, 4)],
    ),
    "template class": ("template <class T>\nstruct A {\n  T f() { return {}; }\n};", [("f", 3, 1)]),
    "returns a struct": ("struct A f(int x) {\n}", [("f", 1, 2)]),
    "lambda inside": (
        "void f() {\n  auto g = [](int x) {\n    return x;\n  };\n  if (a) {\n  }\n}",
        [("f", 1, 7)],
    ),
    "lambda constant": ("constexpr auto f = [](int x) {\n  return x;\n};", 1),
    "table": (
        "constexpr Entry kTable[] = {\n  {1, 2},\n  {3, f(4)},\n};\nvoid g() {}",
        [("g", 5, 1)],
    ),
    "array": ("std::array<int, 2> kA{{1, 2}};\nvoid g() {}", [("g", 2, 1)]),
    "enum": ("enum class E : int {\n  a = 1,\n  b,\n};\nvoid g() {}", [("g", 5, 1)]),
    "brace in string": ('void f() {\n  g("}{{");\n}', [("f", 1, 3)]),
    "brace in character": ("void f() {\n  g('{', '\\'', '}');\n}", [("f", 1, 3)]),
    "brace in raw string": ('void f() {\n  g(R"x(}}" )")x");\n}', [("f", 1, 3)]),
    "brace in comment": ("void f() {\n  // }\n  /* { */\n}", [("f", 1, 4)]),
    "brace in macro": ("#define X(a) \\\n  if (a) {\nvoid f() {\n}", [("f", 3, 2)]),
    "digit separators": ("void f() {\n  g(1'000, 2'000);\n}", [("f", 1, 3)]),
    "macro table": ("LLMROUTE_ENUM(E, a, b);\nvoid f() {}", [("f", 2, 1)]),
    "test": ("TEST(Suite, Case) {\n  f();\n}", [("TEST", 1, 3)]),
    "noexcept expression": ("void f() noexcept(noexcept(g())) {\n}", [("f", 1, 2)]),
    "attribute": ("[[nodiscard]] int f() {\n}", [("f", 1, 2)]),
    "attributed class": ("class [[nodiscard]] A {\n  void f() {}\n};", [("f", 2, 1)]),
    "function try block": ("A::A() try : x_(1) {\n} catch (...) {\n}", None),
}


@pytest.mark.parametrize("case", FUNCTIONS, ids=str)
def test_functions_are_found(case: str, cppscan: ModuleType) -> None:
    text, expected = FUNCTIONS[case]
    found = [(f.name, f.line, f.lines) for f in cppscan.functions_of(text)]
    if expected is None:
        assert len(found) >= 1
    elif isinstance(expected, int):
        assert len(found) == expected, found
    else:
        assert found == expected


def test_every_function_of_a_real_file_is_found(cppscan: ModuleType, source_root: Path) -> None:
    text = (source_root / "tests/cpp/base/units_test.cpp").read_text()
    names = [f.name for f in cppscan.functions_of(text) if f.name.startswith("TEST")]
    assert len(names) == text.count("\nTEST")


def function_of(lines: int) -> str:
    return "void f() {\n" + "  g();\n" * (lines - 2) + "}\n"


def test_size_accepts_one_long_function_in_a_hundred(tree: Path, source_root: Path) -> None:
    write(tree, "cpp/llmroute/base/a.cpp", function_of(5) * 100 + function_of(80))
    status, output = run_check(source_root, "check_size", tree)
    assert status == 0, output
    assert "101 functions" in output
    assert "longest 80, over 60: 1" in output


def test_size_refuses_two_long_functions_in_a_hundred(tree: Path, source_root: Path) -> None:
    write(tree, "cpp/llmroute/base/a.cpp", function_of(4) * 100 + function_of(70) * 2)
    status, output = run_check(source_root, "check_size", tree)
    assert status == 1
    assert "more than 1 in 100" in output
    assert "cpp/llmroute/base/a.cpp:401: f: 70 lines" in output


def test_size_refuses_many_middling_functions(tree: Path, source_root: Path) -> None:
    write(tree, "cpp/llmroute/base/a.cpp", function_of(4) * 90 + function_of(31) * 6)
    status, output = run_check(source_root, "check_size", tree)
    assert status == 1
    assert "p95 is 31 lines" in output


@pytest.mark.parametrize("name", ["cpp/llmroute/base/a.h", "python/llmroute/a.py", "tests/py/a.py"])
def test_size_refuses_long_files(name: str, tree: Path, source_root: Path) -> None:
    write(tree, name, "\n" * 600)
    assert run_check(source_root, "check_size", tree)[0] == 0
    write(tree, name, "\n" * 601)
    status, output = run_check(source_root, "check_size", tree)
    assert status == 1
    assert f"{name}: 601 lines, over 600" in output
