"""PyTorch divides alpha by the size, so it is given alpha times the size. Its window of an even size n is [i - n/2, i + n/2 - 1]; the
text's reaches i + n/2, which is PyTorch's window of size n + 1."""
import torch
from common import case, draw, write
from torch.nn import functional as F


def run(i, a):
    width = a.get("size", 5) // 2 * 2 + 1
    alpha, beta, k = a.get("alpha", 1e-4), a.get("beta", 0.75), a.get("k", 2)
    parts = i["x"].chunk(a.get("groups", 1), 1)
    return torch.cat([F.local_response_norm(part, width, alpha * width, beta, k) for part in parts], 1)


def add(name, shape, **options):
    case(name, {"x": draw(*shape)}, options, run)


add("the text's constants", (2, 7, 3, 2))
add("a sum that matters", (1, 9, 3, 4), alpha=0.5)
add("groups", (1, 12, 3, 2), alpha=0.5, groups=2)
add("groups narrower than the window", (1, 6, 3, 3), alpha=0.5, groups=3)
add("even size", (1, 7, 3, 3), alpha=0.5, size=4)
add("size 2", (1, 5, 2, 2), alpha=1, beta=1, k=0.5, size=2)
add("size 1", (2, 5, 3, 2), alpha=0.7, size=1)
add("another power", (2, 6, 3, 2), alpha=0.3, beta=0.6, k=1.5)
add("power 1", (1, 6, 3, 3), alpha=0.3, beta=1, k=1)
add("power 0", (1, 4, 3, 2), alpha=0.3, beta=0)
add("wider than the maps", (2, 3, 5, 1), alpha=0.5, size=31)
add("one map", (2, 1, 3, 3), alpha=0.5)
add("more than one vector of pixels", (1, 6, 5, 7), alpha=0.5)
add("three axes", (2, 7, 5), alpha=0.5)
write(__file__)
