"""Tables as test sets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from interchange import testset
from interchange.errors import BadInput
from interchange.graph import TensorSpec

INPUTS = {
    "text": TensorSpec("object", ("batch", 1)),
    "age": TensorSpec("float32", ("batch",)),
    "count": TensorSpec("int32", ("batch", 1)),
}
WHOLE = 'age,target,text,count\n1.5,cat,"a, ""b""\nc",3\n-2,dog,,4\n1e3,cat,007,-5\n'


def write(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_columns_are_inputs(tmp_path: Path) -> None:
    (tmp_path / "testset.toml").write_text('version = 1\nlabels = ["dog", "cat"]\n')
    found = testset.load(write(tmp_path, WHOLE, "utf-8-sig"), INPUTS)
    assert (found.kind, len(found), found.labels) == ("a table", 3, ("dog", "cat"))
    assert found.targets is not None
    assert found.targets.tolist() == [1, 0, 1]
    feeds = found.feeds(0, 3)
    assert feeds["text"].tolist() == [['a, "b"\nc'], [""], ["007"]]
    assert feeds["age"].tolist() == [1.5, -2, 1000]
    assert feeds["count"].tolist() == [[3], [4], [-5]]
    assert [feeds[name].dtype for name in INPUTS] == [np.dtype(object), np.float32, np.int32]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (WHOLE.replace("target", "other"), "the column 'other' is no input"),
        (WHOLE.replace("target", "age"), "the column 'age' is there twice"),
        (WHOLE.replace("1e3", "one"), "line 5: 'one' is no number"),
        (WHOLE.replace("4\n", "4.5\n"), "line 4: '4.5' is no whole number"),
        (WHOLE.replace("4\n", "99999999999999999999\n"), "beyond 64 bits"),
        (WHOLE.replace(",3\n", ",4294967296\n").replace("target", "t"), "the column 't' is no input"),
        ("text,age,count\na,1,4294967296\n", "int64 is not turned into int32"),
        (WHOLE.replace("-2,", "-2,,"), "row 4 has 5 fields instead of 4"),
        (WHOLE.replace("dog", "cow"), "the target 'cat' is neither a number nor a label"),
        (WHOLE.split("\n")[0] + "\n", "only the header"),
        ("age,text\n1,a\n", "nor a table whose header names the model's inputs"),
        (f'{WHOLE}"', "cannot be read"),
    ],
)
def test_faults(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(BadInput) as caught:
        testset.load(write(tmp_path, text), INPUTS)
    assert word in str(caught.value)


@pytest.mark.parametrize("spec", [TensorSpec("float32", ("batch", 3)), TensorSpec("float32", ("batch", 2, 2))])
def test_an_input_of_several_values_has_no_column(tmp_path: Path, spec: TensorSpec) -> None:
    inputs: Mapping[str, TensorSpec] = {"age": spec}
    with pytest.raises(BadInput, match="one value a sample"):
        testset.load(write(tmp_path, "age\n1\n"), inputs)


def test_arrays_of_texts(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", text=np.array([["日本"], [""]]), age=np.ones(2), count=np.ones((2, 1), int))
    feeds = testset.load(tmp_path / "x.npz", INPUTS).feeds(0, 2)
    assert feeds["text"].dtype == object
    assert feeds["text"].tolist() == [["日本"], [""]]
    np.savez(tmp_path / "x.npz", text=np.ones((2, 1)), age=np.ones(2), count=np.ones((2, 1), int))
    with pytest.raises(BadInput, match="float64 is not turned into string"):
        testset.load(tmp_path / "x.npz", INPUTS)
