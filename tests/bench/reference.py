"""Makes `reference.onnx`: the model that the bench times on other runtimes, for comparison.

Target attention and MMoE as published for re-ranking on phones (Kuaishou, CIKM 2022; MMoE: Ma and others, KDD 2018),
in plain form: nothing in it is arranged to be computed once and kept. About 30,000 parameters, 30 MFLOP for 500
candidates and 50 events. Its weights are random: it is timed, not asked. Run it with the packages of
`cloud/training/requirements.lock`; the file it writes is committed, and its hash stands beside every figure.

    python tests/bench/reference.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SEED = 7
VECTOR, EVENTS, CONTEXT = 64, 50, 16
ATTENTION, HIDDEN, EXPERT, EXPERTS, HEADS, TOWER = 32, 38, 16, 4, 3, 8
OPSET = 17


class Graph:
    """Nodes and weights in the order in which they are made."""

    def __init__(self) -> None:
        self.nodes, self.weights, self.random = [], [], np.random.RandomState(SEED)

    def add(self, operator: str, *inputs: str, **attributes) -> str:
        name = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, values: np.ndarray) -> str:
        name = f"constant_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def linear(self, rows: str, width: int, out: int) -> str:
        bound = 1.0 / np.sqrt(width)
        weight = self.constant(self.random.uniform(-bound, bound, (width, out)).astype(np.float32))
        bias = self.constant(self.random.uniform(-bound, bound, out).astype(np.float32))
        return self.add("Gemm", rows, weight, bias)


def attention(graph: Graph) -> tuple[str, str]:
    """The candidates' queries, and what the session's events answer them."""
    query = graph.linear("candidates", VECTOR, ATTENTION)
    key, value = graph.linear("events", VECTOR, ATTENTION), graph.linear("events", VECTOR, ATTENTION)
    scores = graph.add("MatMul", query, graph.add("Transpose", key, perm=[1, 0]))
    scaled = graph.add("Mul", scores, graph.constant(np.float32(1.0 / np.sqrt(ATTENTION))))
    one, far = graph.constant(np.float32(1.0)), graph.constant(np.float32(1e9))
    hidden = graph.add("Mul", graph.add("Sub", "mask", one), far)
    shares = graph.add("Softmax", graph.add("Add", scaled, hidden), axis=-1)
    return query, graph.add("MatMul", shares, value)


def experts(graph: Graph, rows: str, width: int) -> str:
    """Every expert's answer, `[C, experts, EXPERT]`."""
    answers, axis = [], graph.constant(np.array([1], np.int64))
    for _ in range(EXPERTS):
        hidden = graph.add("Relu", graph.linear(rows, width, HIDDEN))
        answer = graph.add("Relu", graph.linear(hidden, HIDDEN, EXPERT))
        answers.append(graph.add("Unsqueeze", answer, axis))
    return graph.add("Concat", *answers, axis=1)


def head(graph: Graph, rows: str, width: int, answers: str) -> str:
    """One head: a gate of its own over the experts, a small tower, a probability."""
    last, middle = graph.constant(np.array([2], np.int64)), graph.constant(np.array([1], np.int64))
    gate = graph.add("Softmax", graph.linear(rows, width, EXPERTS), axis=-1)
    weighed = graph.add("Mul", answers, graph.add("Unsqueeze", gate, last))
    mixed = graph.add("ReduceSum", weighed, middle, keepdims=0)
    hidden = graph.add("Relu", graph.linear(mixed, EXPERT, TOWER))
    return graph.add("Sigmoid", graph.linear(hidden, TOWER, 1))


def reference() -> onnx.ModelProto:
    """The whole model."""
    graph = Graph()
    query, answer = attention(graph)
    around = graph.linear(graph.add("Unsqueeze", "context", graph.constant(np.array([0], np.int64))), CONTEXT, ATTENTION)
    answer = graph.add("Add", answer, around)
    rows = graph.add("Concat", "candidates", answer, graph.add("Mul", query, answer), axis=-1)
    width = VECTOR + 2 * ATTENTION
    answers = experts(graph, rows, width)
    heads = [head(graph, rows, width, answers) for _ in range(HEADS)]
    graph.nodes.append(helper.make_node("Concat", heads, ["heads"], name="heads", axis=-1))
    tensor = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    inputs = [tensor("candidates", ["C", VECTOR]), tensor("events", [EVENTS, VECTOR])]
    inputs += [tensor("mask", [EVENTS]), tensor("context", [CONTEXT])]
    made = helper.make_graph(graph.nodes, "reference", inputs, [tensor("heads", ["C", HEADS])], graph.weights)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="segue-bench")
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model


if __name__ == "__main__":
    model = reference()
    parameters = sum(int(np.prod(weight.dims)) for weight in model.graph.initializer)
    Path(__file__).with_name("reference.onnx").write_bytes(model.SerializeToString(deterministic=True))
    print(f"{parameters} parameters")
