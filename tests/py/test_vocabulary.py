"""One vocabulary: the core's enumerators, the slugs of JSON and the Literals of Python."""

from __future__ import annotations

from typing import get_args

import pytest

from llmroute import _core, _types, errors
from llmroute.testing import simulated


@pytest.mark.parametrize("name", sorted(_core.vocabulary))
def test_a_literal_is_the_cores_own_table(name: str) -> None:
    holder = simulated if name == "FaultKind" else _types
    assert get_args(getattr(holder, name)) == _core.vocabulary[name]


def test_every_literal_has_a_table() -> None:
    assert set(_types.__all__) == set(_core.vocabulary) - {"FaultKind"}


def test_every_error_kind_has_its_class() -> None:
    without = {
        kind
        for kind in _core.vocabulary["ErrorKind"]
        if errors.error_class(kind) is errors.LlmrouteError
    }
    assert without == {"cancelled"}
