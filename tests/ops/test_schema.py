"""Each function against ONNX's schema of its operator, and the documentation made of them."""

from __future__ import annotations

import ast
import builtins
import dis
import inspect
import sys
from pathlib import Path
from types import CodeType

import numpy as np
import onnx
import pytest
from onnx import defs

from interchange import ops
from interchange.ops import _table
from tests.ops.table import TABLE, WITHOUT_ROWS

# Attributes that differ from ONNX's on purpose: operator ("*": all) and attribute -> why.
DEPARTURES = {
    ("*", "to"): "a dtype's name, not ONNX's number",
    ("*", "dtype"): "a dtype's name, not ONNX's number",
    ("*", "stash_type"): "a dtype's name, not ONNX's number",
    ("*", "output_dtype"): "a dtype's name, not ONNX's number",
    ("*", "output_datatype"): "a dtype's name, not ONNX's number",
    ("*", "precision"): "a dtype's name, not ONNX's number",
    ("*", "softmax_precision"): "a dtype's name, not ONNX's number",
    ("Optional", "type"): "text, not a message; it does nothing",
    ("ai.onnx.ml.LabelEncoder", "dtype"): "of the values, which are no tensor",
    ("ConstantOfShape", "value"): "a number; with `dtype` in place of a tensor",
}

OTHER_DOMAINS = [f"{domain}.{name}" for domain, operators in ops.DOMAINS.items() for name in operators]
OURS = [op for op in OTHER_DOMAINS if op.startswith("interchange.")]  # test_own.py
each_operator = pytest.mark.parametrize("op", [*ops.OPERATORS, *OTHER_DOMAINS])
each_of_onnx = pytest.mark.parametrize("op", [op for op in (*ops.OPERATORS, *OTHER_DOMAINS) if op not in OURS])


def schema_of(op: str) -> defs.OpSchema:
    domain, _, name = op.rpartition(".")
    return defs.get_schema(name, domain)


def parameters_of(op: str) -> list[inspect.Parameter]:
    return list(inspect.signature(ops.get(op)).parameters.values())


def departs(op: str, attribute: str) -> bool:
    if attribute == "layout" and attribute not in schema_of(op).attributes:
        return True  # our one departure in substance; test_layout.py
    return (op, attribute) in DEPARTURES or ("*", attribute) in DEPARTURES


@each_of_onnx
def test_inputs(op):
    kinds = {
        defs.OpSchema.FormalParameterOption.Single: "required",
        defs.OpSchema.FormalParameterOption.Optional: "optional",
        defs.OpSchema.FormalParameterOption.Variadic: "variadic",
    }
    ours = []
    for parameter in parameters_of(op):
        if parameter.kind is parameter.VAR_POSITIONAL:
            ours.append("variadic")
        elif parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            assert parameter.default in (None, parameter.empty)
            ours.append("required" if parameter.default is parameter.empty else "optional")
    assert ours == [kinds[i.option] for i in schema_of(op).inputs]


@each_of_onnx
def test_outputs(op):
    outputs = schema_of(op).outputs
    variadic = any(o.option == defs.OpSchema.FormalParameterOption.Variadic for o in outputs)
    assert ops.outputs_of(ops.get(op)) == (None if variadic else len(outputs))


@each_of_onnx
def test_attributes(op):
    theirs = {name: default_of(a) for name, a in schema_of(op).attributes.items() if not departs(op, name)}
    ours = {p.name: p.default for p in parameters_of(op) if p.kind is p.KEYWORD_ONLY and not departs(op, p.name)}
    ours = {name: np.float32(value) if isinstance(value, float) else value for name, value in ours.items()}
    assert ours == theirs


def default_of(attribute: defs.OpSchema.Attribute) -> object:
    """As we write it: strings as text, lists as tuples, `empty` where it is required, None where there is none."""
    if attribute.required:
        return inspect.Parameter.empty
    if not attribute.default_value.type:
        return None
    value = onnx.helper.get_attribute_value(attribute.default_value)
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list):
        return tuple(v.decode() if isinstance(v, bytes) else v for v in value)
    return np.float32(value) if isinstance(value, float) else value


@each_operator
def test_has_a_docstring_and_rows(op):
    assert (ops.get(op).__doc__ or "").endswith((".", ".\n    "))
    assert op in (*WITHOUT_ROWS, *OTHER_DOMAINS) or any(row.op == op for row in TABLE), (
        "tests/ops/table.py has no row for it"
    )


def names_of(code: CodeType) -> set[str]:
    """The global names that a function uses, those of the functions inside it included."""
    inner = (names_of(constant) for constant in code.co_consts if isinstance(constant, CodeType))
    loads = (i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME"))
    return set(loads).union(*inner)


@each_operator
def test_source_can_be_copied(op):
    """Exporters copy functions: these use NumPy, some of the standard library, literals, and private helpers alike."""
    waiting, seen = [ops.get(op)], set()
    while waiting:
        function = waiting.pop()
        module = sys.modules[function.__module__]
        for name in names_of(function.__code__) - vars(builtins).keys():
            value = vars(module)[name]
            if inspect.isfunction(value):
                own = value.__module__ == function.__module__ and (name[0] == "_" or "._" in value.__module__)
                assert own or "._" in value.__module__, f"{function.__name__} calls {name}"
                if value not in seen:
                    seen.add(value)
                    waiting.append(value)
            elif inspect.ismodule(value):
                assert value.__name__ in ("numpy", "math", "functools", "itertools", "re")
            else:
                assert ast.literal_eval(repr(value)) == value


def test_operator_table_is_current():
    path = Path(__file__).parents[2] / "docs" / "operators.md"
    assert path.read_text(encoding="utf-8") == _table.table() + "\n", (
        "run `python -m interchange.ops._table > docs/operators.md`"
    )
