"""Dropout with masks of Philox, which test/ops/dropout.test.ts also checks bit by bit: PyTorch multiplies, and its own masks play no part."""
import torch

from common import case, draw, write
from philox import philox


def run(i, a):
    words = torch.from_numpy(philox(i["x"].numel(), a["seed"]).astype("int64")).reshape(i["x"].shape)
    kept = words < int((1 - a["p"]) * 2**32)
    # x through a mask, times a factor: how PyTorch has dropout's gradient, which is the same map as dropout itself.
    return torch.ops.aten.native_dropout_backward(i["x"], kept, 1 / (1 - a["p"]) if a["mode"] == "inverted" else 1.0)


for mode in ["paper", "inverted"]:
    for shape, p, seed in [([], 0.5, 1), ([1], 0.5, 2), ([7], 0.0, 3), ([5, 37], 0.3, 4), ([2, 3, 5, 7], 0.5, 2**32 + 5), ([3, 301], 0.9, 2**53 - 1)]:
        case(f"{mode}, {shape}, p = {p}, seed {seed}", {"x": draw(*shape)}, {"p": p, "seed": seed, "mode": mode}, run)
write(__file__)
