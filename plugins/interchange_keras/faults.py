"""What goes wrong in a layer, and all of it in one error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from interchange.errors import BadInput, EnvironmentLacks, InterchangeError, Unsupported
from interchange_keras.layer import Fault, Layer

OTHERWISE = (
    "export the model as a SavedModel or ONNX and convert that; or write a layer plugin (docs/writing-a-plugin.md)"
)
# What values make that are no such numbers; anything else that a layer function raises is its own fault.
NONSENSE = (ValueError, ArithmeticError, MemoryError, RecursionError)


def outputs_of(layer: Layer, call: Callable[[], Any], *, own: bool) -> tuple[str, ...]:
    """What a layer function returns; whatever it raises is a fault of the layer."""
    try:
        made = call()
    except Fault:
        raise
    except InterchangeError as error:
        raise Fault("IX203", "; ".join(error.why) or error.what) from error
    except Exception as error:
        if not own:
            raise EnvironmentLacks(
                "IX403",
                f"The function for the layer {layer.source} failed.",
                why=f"{type(error).__name__}: {error}",
                next_step="Report it to the author of that plugin.",
            ) from error
        if isinstance(error, NONSENSE):
            raise Fault("IX203", f"its config is not understood: {type(error).__name__}: {error}") from error
        raise Fault("IX901", f"{type(error).__name__}: {error}") from error
    return made if isinstance(made, tuple) else (str(made),)


def told(faults: Mapping[tuple[str, str], Fault], where: str) -> InterchangeError:
    """All faults, by layer and text, in one error; what cannot be done comes before what is wrong with the file."""
    codes = {fault.code for fault in faults.values()}
    unsupported = codes & {"IX301", "IX302"}
    why = [
        f"{text}; {fault.next_step}" if fault.next_step and fault.next_step != OTHERWISE else text
        for (_, text), fault in faults.items()
    ]
    if unsupported:
        only_code = unsupported == {"IX302"}
        general = any(fault.next_step == OTHERWISE for fault in faults.values())
        return Unsupported(
            "IX302" if only_code else "IX301",
            "The model contains code, which is never run." if only_code else "The model uses what cannot be converted.",
            where=where,
            why=why,
            next_step=f"{OTHERWISE[0].upper()}{OTHERWISE[1:]}." if general else "",
        )
    if "IX901" in codes:
        ours = next(fault for fault in faults.values() if fault.code == "IX901")
        failed = EnvironmentLacks(
            "IX901",
            "An error inside interchange itself.",
            where=where,
            why=why,
            next_step="Run again with -v for the traceback, and please report it.",
        )
        failed.__cause__ = ours.__cause__
        return failed
    code = "IX207" if "IX207" in codes else sorted(codes)[0]
    what = {"IX207": "The weights in the file do not fit the layers.", "IX206": "The model is too large."}
    return BadInput(code, what.get(code, "The file contradicts itself."), where=where, why=why)
