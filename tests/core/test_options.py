"""Options of plugins, told from the signatures of their methods."""

from __future__ import annotations

from typing import Any

import pytest

from interchange.errors import BadInput
from interchange.options import check, share_out, taken_by


class Exporter:
    def save(
        self, graph: Any, path: Any, *, force: bool = False, opset: int | None = None, name: str = "", x: Any = None
    ) -> None: ...


class Quoted:
    def save(self, graph: Any, path: Any, *, force: bool = False, selftest: bool = True, scale: float = 1) -> None: ...


class Anything:
    def save(self, graph: Any, path: Any, **options: Any) -> None: ...


def refused(options: dict[str, Any], *exporters: Any) -> BadInput:
    with pytest.raises(BadInput) as caught:
        share_out(options, {type(exporter).__name__: exporter.save for exporter in exporters})
    assert caught.value.code == "IX103"
    return caught.value


def test_options_are_what_a_method_has_a_default_for() -> None:
    assert list(taken_by(Exporter().save)) == ["opset", "name", "x"]
    assert list(taken_by(Quoted().save)) == ["selftest", "scale"]


def test_each_plugin_gets_the_options_it_takes() -> None:
    methods = {"a": Exporter().save, "b": Quoted().save, "c": Anything().save}
    assert share_out({"opset": 17, "selftest": False}, methods) == {
        "a": {"opset": 17},
        "b": {"selftest": False},
        "c": {"opset": 17, "selftest": False},
    }


def test_unknown_options_and_wrong_types_are_one_error() -> None:
    error = refused({"opset": "new", "colour": 1, "scale": True}, Exporter(), Quoted())
    assert error.why == (
        "Exporter: opset is 'new'; int is wanted",
        "there is no option 'colour'",
        "Quoted: scale is True; float is wanted",
    )
    assert error.next_step == "Exporter takes 'opset', 'name', 'x'; Quoted takes 'selftest', 'scale'"


@pytest.mark.parametrize("options", [{"opset": None}, {"opset": 3}, {"name": "n"}, {"x": object()}, {}])
def test_values_that_fit(options: dict[str, Any]) -> None:
    check(options, "exporter", Exporter().save)


@pytest.mark.parametrize("options", [{"opset": True}, {"opset": 1.5}, {"name": 3}, {"name": None}])
def test_values_that_do_not_fit(options: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="is wanted"):
        check(options, "exporter", Exporter().save)


def test_whole_numbers_are_floats() -> None:
    check({"scale": 2}, "quoted", Quoted().save)


def test_annotations_may_be_types() -> None:
    def save(graph: Any, *, scale: Any = 1.0) -> None: ...

    save.__annotations__["scale"] = float | None
    check({"scale": None}, "plain", save)
    with pytest.raises(BadInput, match="float is wanted"):
        check({"scale": "1"}, "plain", save)
