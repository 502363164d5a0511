"""What a graph says of the era of its file, and the page of all layers."""

from __future__ import annotations

from pathlib import Path

import pytest
from interchange_keras import KerasImporter
from interchange_keras.history import page

PAGE = Path(__file__).parents[2] / "docs" / "keras-layers.md"


def test_the_page_is_current():
    assert PAGE.read_text("utf-8") == page(), "run python -m interchange_keras.history > docs/keras-layers.md"


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
