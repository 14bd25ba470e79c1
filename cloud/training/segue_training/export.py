"""From trained modules to ONNX files that the core and ONNX Runtime both run."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from .ranker import Widths

OPSET = 20
RANKER_INPUTS = ["candidates", "live", "events", "mask", "context"]
# What the core's reader takes; it refuses everything else (docs/FEATURES.md).
OPERATORS = {
    *("Add", "Sub", "Mul", "Div", "Neg", "Exp", "Sqrt", "Tanh", "Sigmoid", "Relu", "Identity", "Reshape", "Constant"),
    *("Gemm", "MatMul", "Softmax", "Concat", "Slice", "Transpose", "Unsqueeze", "Squeeze", "ReduceSum", "ReduceMean"),
    "DequantizeLinear",
}
# Largest difference between PyTorch and ONNX Runtime that is rounding.
TOLERANCE = 1e-5


def tower(module: nn.Module, rows: torch.Tensor, name: str, path: Path) -> None:
    """Writes a tower: input `name` f32 [N, width], output `vectors` f32 [N, 64]."""
    count = torch.export.Dim("count", min=1)
    write(module, (rows[:4],), [name], ["vectors"], ({0: count},), path)


def ranker(module: nn.Module, widths: Widths, slots: int, path: Path) -> None:
    """Writes the ranker: `candidates`, `live`, `events`, `mask`, `context` to `heads` f32 [C, heads]."""
    count = torch.export.Dim("count", min=1)
    example = (
        *(torch.zeros(8, width) for width in (widths.candidate, widths.live)),
        *(torch.zeros(slots, widths.event), torch.zeros(slots), torch.zeros(widths.context)),
    )
    shapes = ({0: count}, {0: count}, None, None, None)
    write(module, example, RANKER_INPUTS, ["heads"], shapes, path)


def write(module, example, inputs, outputs, shapes, path: Path) -> None:
    """Exports, folds constants, checks the operators, writes one self-contained file."""
    module.eval()
    program = torch.onnx.export(
        module,
        example,
        input_names=inputs,
        output_names=outputs,
        dynamic_shapes=shapes,
        opset_version=OPSET,
        dynamo=True,
        external_data=False,
        optimize=True,
        verbose=False,
    )
    buffer = io.BytesIO()
    program.save(buffer, external_data=False)
    model = cleaned(onnx.load_from_string(buffer.getvalue()))
    check(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


def cleaned(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without the exporter's notes on where in the sources each node came from."""
    model.producer_name, model.producer_version, model.doc_string = "segue-training", "", ""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in [*model.graph.input, *model.graph.output, *model.graph.initializer]:
        del value.metadata_props[:]
    return model


def check(model: onnx.ModelProto) -> None:
    """Refuses operators that the core does not read, naming them."""
    used = {node.op_type for node in model.graph.node}
    if used - OPERATORS:
        raise ValueError(f"the graph uses {sorted(used - OPERATORS)}, allowed are {sorted(OPERATORS)}")
    onnx.checker.check_model(model)


def parity(module: nn.Module, path: Path, inputs: dict[str, torch.Tensor]) -> float:
    """Largest difference between the module and the file in ONNX Runtime; raises above the tolerance."""
    apart = difference(module, path, inputs)
    if not apart <= TOLERANCE:
        raise ValueError(f"{path.name}: PyTorch and ONNX Runtime differ by {apart}, allowed is {TOLERANCE}")
    return apart


def difference(module: nn.Module, path: Path, inputs: dict[str, torch.Tensor]) -> float:
    """Largest difference between the module and the file in ONNX Runtime; of an amount above 1, such as seconds, as a share of it, since
    f32 keeps so many digits and not so many places."""
    with torch.no_grad():
        expected = module(*inputs.values()).numpy()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    # Weights in 8 bits become f32 once, as in the core; ONNX Runtime left to itself looks for kernels that read them as they are.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    answer = session.run(None, {name: value.numpy() for name, value in inputs.items()})[0]
    return float((np.abs(answer - expected) / np.maximum(np.abs(expected), 1.0)).max())
