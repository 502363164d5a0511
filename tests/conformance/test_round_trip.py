"""The conformance suite, imported, exported and imported again: it still passes."""

from __future__ import annotations

import pytest
from interchange_onnx import OnnxExporter, OnnxImporter

from tests.conformance.suite import Case, cases, check_outputs
from tests.conformance.test_onnx_backend import is_excluded


def small_cases() -> list[Case]:
    suites = ("node", "simple", "pytorch-converted", "pytorch-operator")
    found = [case for suite in suites for case in cases(suite).values()]
    return [case for case in found if not is_excluded(case.name)]


@pytest.mark.parametrize("case", small_cases(), ids=str)
def test_case(case, tmp_path):
    path = tmp_path / "model.onnx"
    OnnxExporter().save(case.graph(), path, selftest=False)
    check_outputs(case, OnnxImporter().load(path))
