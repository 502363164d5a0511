"""What a graph says of the era of its file, and the page of all layers."""

from __future__ import annotations

from pathlib import Path

import pytest
from interchange_keras import KerasImporter
from interchange_keras.history import page

from tests.keras.layers_page import golden_files

PAGE = Path(__file__).parents[2] / "docs" / "keras-layers.md"


def test_the_page_is_current():
    made = page(golden_files())
    assert PAGE.read_text("utf-8") == made, "run python tests/keras/layers_page.py > docs/keras-layers.md"


def test_no_layer_is_without_golden_files():
    """But for those that need a GPU (test_sequences.py), and what models of keras.applications bring with them."""
    lines = [line for line in page(golden_files()).splitlines() if line.startswith("| ")][1:]
    untested = [line.split("|")[1].strip() for line in lines if line.rstrip().endswith("|  |")]
    assert untested == [
        *("CuDNNGRU", "CuDNNLSTM", "CustomScaleLayer", "LayerScale", "StochasticDepth", "TFDIdentity"),
    ]


@pytest.mark.parametrize(
    ("name", "era"),
    [
        ("dense.k2.h5", "Keras 2; nothing in it means something else today"),
        ("dense.k3.keras", None),
        ("activation_hard_sigmoid.k2.h5", "Keras 2; hard_sigmoid has slope 0.2"),
    ],
)
def test_era(name, era, golden):
    assert KerasImporter().load(golden / name).metadata.get("era") == era
