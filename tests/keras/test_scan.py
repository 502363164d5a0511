"""What `interchange scan` finds in a Keras file."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile

import pytest
from interchange_keras import KerasImporter

from interchange.cli import main

CODE = b"\xe3\x00\x00\x00not bytecode at all"
TEXT = base64.b64encode(CODE).decode()


def found(path):
    return [(code.layer, code.kind, code.name) for code in KerasImporter().scan(path)]


def last(**changes):
    def change(document):
        entry = document["config"]["layers"][-1]
        config = changes.pop("config", None)
        entry.update(changes)
        if config is not None:
            entry["config"] = {"name": entry["config"]["name"], **config}

    return change


@pytest.mark.parametrize("name", ["dense.k2.h5", "branches.k3.h5", "nested_functional.k3.keras", "sequential.k2.keras"])
def test_nothing_in_files_of_keras_alone(name, golden):
    assert found(golden / name) == []


@pytest.mark.parametrize("function", [[TEXT, None, None], {"class_name": "__lambda__", "config": {"code": TEXT}}])
def test_bytecode(function, edited):
    path = edited("dense.k2.h5", config=last(class_name="Lambda", config={"function": function}))
    (code,) = KerasImporter().scan(path)
    assert (code.layer, code.kind) == ("dense", "bytecode")
    assert code.sha256 == hashlib.sha256(CODE).hexdigest()


def test_functions_and_classes_by_name(edited):
    function = {"function": "os.system", "function_type": "function"}
    assert found(edited("dense.k2.h5", config=last(class_name="Lambda", config=function))) == [
        ("dense", "function", "os.system")
    ]
    assert found(edited("dense.k2.h5", config=last(class_name="Mine"))) == [("dense", "class", "Mine")]
    assert found(edited("dense.k2.h5", config=last(config={"units": 4, "activation": "mine"}))) == [
        ("dense", "function", "mine")
    ]
    acme = last(class_name="Dense", module="acme.layers", registered_name="acme>Dense")
    assert found(edited("dense.k2.h5", config=acme)) == [("dense", "class", "acme>Dense")]


def test_losses_of_others(edited):
    def change(file):
        loss = {"class_name": "Mine", "module": "acme", "config": {}, "registered_name": "acme>Mine"}
        file.attrs["training_config"] = json.dumps({"loss": loss})

    assert found(edited("dense.k2.h5", file=change)) == [("", "class", "acme>Mine")]


def test_members_of_a_zip(golden, tmp_path):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(golden / "dense.k3.keras") as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
        new.writestr("assets/state", b"\x80\x04\x95rest")
        new.writestr("setup.py", b"print()")
    assert found(path) == [("", "pickle", "assets/state"), ("", "member", "setup.py")]


def test_command(edited, golden, capsys):
    path = edited("dense.k2.h5", config=last(class_name="Lambda", config={"function": [TEXT, None, None]}))
    assert main(["scan", str(path), "--json"]) == 0
    (code,) = json.loads(capsys.readouterr().out)["code"]
    assert code == {
        "layer": "dense",
        "kind": "bytecode",
        "name": f"{len(CODE)} bytes",
        "sha256": hashlib.sha256(CODE).hexdigest(),
    }
    assert main(["scan", str(path)]) == 0
    assert "bytecode" in capsys.readouterr().out
    assert main(["scan", str(golden / "nothing.h5")]) == 2
