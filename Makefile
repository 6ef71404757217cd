# Everything a person needs, on a fresh Debian or Ubuntu; what is missing is installed.
JOBS ?= 2
ARGS ?=
export JOBS

PYTHON_FILES = python tests/py $(wildcard benchmarks examples) .ci
CXX_FILES = find cpp tests/cpp tests/fuzz $(wildcard benchmarks) -name '*.h' -o -name '*.cpp'

.PHONY: help demo test bench fuzz test-cpp test-py format lint dev clean

help:  ## this text
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

demo:  ## real requests, a dying provider, and why each choice was made; ARGS="--seed 7"
	@.ci/setup build
	@.ci/install
	@.venv/bin/llmroute demo $(ARGS)

test:  ## everything: checks, sanitizers, types, tests, notebooks, examples, docs
	@.ci/setup test
	@.venv/bin/python -u .ci/test $(ARGS)

bench:  ## the table of speed and memory, beside the floor and the peers
	@.ci/setup bench
	@.ci/install wheel
	@[ -d build/bench/peers ] || .venv/bin/python -m benchmarks --setup-peers
	@.venv/bin/python -m benchmarks $(ARGS)

test-peers:  ## the tests against servers and clients that nobody here wrote
	@.ci/setup test
	@.ci/install
	@.ci/peers
	@.venv/bin/python -m pytest tests/py/test_peers.py tests/py/test_interop.py $(ARGS)

fuzz:  ## every fuzz target, ten million runs each; ARGS="--runs 1000000 sse json"
	@.ci/setup test
	@.venv/bin/python -u .ci/fuzz $(ARGS)

test-cpp:  ## the tests of the core, debug build; ARGS="-R wire"
	@.ci/setup test
	@cmake --preset dev && cmake --build --preset dev -j$(JOBS) && ctest --preset dev $(ARGS)

test-py:  ## the tests of the face; ARGS="-k stream"
	@.ci/setup test
	@.ci/install
	@.venv/bin/python -m pytest tests/py $(ARGS)

dev:  ## an editable install in .venv
	@.ci/setup test
	@.ci/install editable

format:  ## format everything
	@.ci/setup test
	@$(CXX_FILES) | xargs clang-format-14 -i
	@.venv/bin/ruff check -q --fix $(PYTHON_FILES); .venv/bin/ruff format $(PYTHON_FILES)

lint:  ## the checks that take seconds
	@.ci/setup test
	@.venv/bin/python -u .ci/test layers size format ruff $(ARGS)

clean:  ## forget what was built; the environment .venv stays
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache
