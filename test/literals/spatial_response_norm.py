"""Composed from PyTorch's padding and average pooling, for PyTorch has no such operator."""
from common import case, draw, write
from torch.nn import functional as F


def run(i, a):
    x, size = i["x"], a["size"]
    before = size // 2
    after = size - 1 - before
    sums = F.avg_pool2d(F.pad(x * x, (before, after, before, after)), size, 1) * size * size
    return x / (a.get("k", 1) + a["alpha"] * sums) ** a["beta"]


def add(name, shape, **options):
    case(name, {"x": draw(*shape)}, options, run)


add("layers-145", (1, 2, 7, 6), size=5, alpha=0.00004, beta=0.75)
add("a sum that matters", (2, 2, 6, 7), size=5, alpha=0.1, beta=0.75)
add("even size, another power", (1, 2, 6, 7), size=4, alpha=0.1, beta=0.4, k=2)
add("size 2", (1, 1, 4, 5), size=2, alpha=0.5, beta=0.75)
add("size 1", (1, 2, 3, 4), size=1, alpha=0.5, beta=0.75)
add("wider than the map", (1, 2, 3, 4), size=13, alpha=0.1, beta=0.75)
add("more than one vector a row", (1, 1, 4, 37), size=3, alpha=0.2, beta=0.75)
add("one element", (2, 2, 1, 1), size=5, alpha=0.5, beta=0.75)
write(__file__)
