"""The verifier must see every broken backend, for the right reason, and leave the healthy ones alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from interchange.errors import EnvironmentLacks
from interchange.graph import Graph
from interchange.verifier.report import BackendResult, Report
from interchange.verifier.run import verify

# backend -> (status, what one of its faults says)
BROKEN = {
    "PermutedClasses": ("wrong", ""),
    "DroppedRow": ("failed", "has the shape [15, 4] instead of [16, 4]"),
    "PaddingOffByOne": ("wrong", ""),
    "OneNaN": ("failed", "nan against"),
    "OneInfinity": ("failed", "inf against"),
    "Float16Leak": ("wrong", ""),
    "SwappedOutputs": ("wrong", ""),
    "OtherOrderOfOutputs": ("failed", "another order: score, logits, probs instead of probs, logits, score"),
    "MissingOutput": ("failed", "output 'logits' is missing"),
    "ExtraOutput": ("failed", "an output 'more' that the reference does not have"),
    "OtherDtype": ("failed", "is float64 instead of float32"),
    "Broadcastable": ("failed", "has the shape [16] instead of [16, 1]"),
    "Bias": ("wrong", ""),
    "PreviousBatch": ("wrong", ""),
    "SharedBuffers": ("failed", "the buffers are shared"),
    "WritesInputs": ("failed", "wrote into its inputs"),
    "Raises": ("failed", "The backend raised ValueError: no luck"),
    "NoMapping": ("failed", "a mapping of outputs, not a list"),
    "Crash": ("failed", "ended without an answer: exit code 7"),
    "CrashAtOpen": ("failed", "SIGABRT"),
}
HEALTHY = ("OtherOrder", "Wide", "Chatty")


@pytest.fixture(scope="module")
def report(toy: Graph, data: Path) -> Report:
    """One verification for all: the failures must not disturb each other, nor the healthy ones after them."""
    backends = [f"sabotage:{name}" for name in (*BROKEN, *HEALTHY)]
    return verify(toy, data, backends=["numpy", *backends], batch_size=16, timeout=120)


def result(report: Report, name: str) -> BackendResult:
    return next(backend for backend in report.backends if backend.name == f"sabotage:{name}")


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_backend_is_seen(report: Report, name: str) -> None:
    status, fault = BROKEN[name]
    found = result(report, name)
    assert found.status == status
    assert not found.agreed
    assert not fault or any(fault in text for text in found.faults)
    assert name in str(report)


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_backend_is_left_alone(report: Report, name: str) -> None:
    found = result(report, name)
    assert (found.status, found.agreed, found.faults) == ("rounding", True, ())
    assert found.decisions[0].same == found.decisions[0].total == 37


def test_one_failure_is_disagreement(report: Report) -> None:
    assert not report.agreed
    assert "DISAGREED" in str(report)


def test_an_error_is_named_with_its_code_and_last_words(report: Report) -> None:
    crash = result(report, "Crash")
    assert crash.error is not None
    assert crash.error["code"] == "IX404"
    assert "about to go" in crash.stderr
    assert "sabotage:Crash" in str(report)


def test_flips_are_counted(report: Report) -> None:
    permuted = result(report, "PermutedClasses").decisions[0]
    assert permuted.wrong > 30
    assert not permuted.flips[0].tie


def test_nothing_needs_a_traceback(report: Report) -> None:
    assert "Traceback" not in str(report)


def test_a_hang_is_ended(toy: Graph, data: Path) -> None:
    report = verify(toy, data, backends=["sabotage:Hang"], timeout=8)
    (hang,) = report.backends
    assert hang.error is not None
    assert hang.error["code"] == "IX404"
    assert "no sign of life for 8 seconds" in hang.faults[0]


def test_a_missing_device_is_an_error_for_a_backend_that_was_named(toy: Graph, data: Path) -> None:
    with pytest.raises(EnvironmentLacks, match="IX402"):
        verify(toy, data, backends=["sabotage:LacksDevice"])
