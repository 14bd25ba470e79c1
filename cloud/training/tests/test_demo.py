"""The demo's own ranker in PyTorch, ONNX Runtime and the core: `cloud/src/score/ort.rs` compares the last two over the same file."""

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from segue_training import export, ranker

FILE = Path(__file__).parents[2] / "models" / "demo" / "ranker.onnx"


def in_pytorch(model: onnx.ModelProto) -> tuple[ranker.Ranker, ranker.Widths, int]:
    """The module with the file's weights. The exporter has multiplied scales into them, so its own are one."""
    sizes = {value.name: [size.dim_value for size in value.type.tensor_type.shape.dim] for value in model.graph.input}
    widths = ranker.Widths(sizes["candidates"][1], sizes["live"][1], sizes["events"][1], sizes["context"][0])
    module = ranker.Ranker(widths, sizes["mask"][0], ranker.Settings()).eval()
    weights = {array.name: torch.from_numpy(numpy_helper.to_array(array).copy()) for array in model.graph.initializer}
    # What was folded lost its name; each has a shape of its own but for two, of which one is there under its name as well.
    folded = {name: array for name, array in weights.items() if name not in module.state_dict()}
    shaped = lambda *shape: [array for array in folded.values() if tuple(array.shape) == shape]
    only = lambda parameter, turned=False: shaped(*reversed(parameter.shape) if turned else parameter.shape)[0]
    mixed, towers = module.mixed, module.towers.weight.shape
    itself = weights["mixed.itself.weight"].T
    found = {
        "told.weight": only(module.told.weight),
        "recency": only(module.recency).log(),
        "surroundings.weight": only(module.surroundings.weight, turned=True).T,
        "mixed.live.weight": only(mixed.live.weight),
        "mixed.moody.weight": next(array for array in shaped(*itself.shape) if not torch.equal(array, itself)).T,
        "towers.weight": shaped(*module.blocks.shape)[0][: towers[1], : towers[0]].T,
        "wide_live.weight": only(module.wide_live.weight),
    }
    state = {**module.state_dict(), **{name: array for name, array in weights.items() if name in module.state_dict()}, **found}
    module.load_state_dict(state)
    return module, widths, sizes["mask"][0]


def test_the_demos_ranker_says_in_pytorch_what_it_says_in_onnx_runtime_of_ten_thousand_random_candidates():
    module, widths, slots = in_pytorch(onnx.load(FILE))
    generator = torch.Generator().manual_seed(12)
    vectors = lambda *shape: torch.nn.functional.normalize(torch.randn(*shape, generator=generator), dim=-1)
    for session in range(20):
        inputs = {
            "candidates": vectors(500, widths.candidate),
            "live": vectors(500, widths.live),
            "events": vectors(slots, widths.event),
            "mask": (torch.arange(slots) < slots * session / 19).float(),
            "context": torch.rand(widths.context, generator=generator),
        }
        assert export.parity(module, FILE, inputs) <= export.TOLERANCE
