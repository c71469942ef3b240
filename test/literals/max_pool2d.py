import torch
from common import case, draw, write
from pool2d_cases import GEOMETRIES, torch_arguments
from torch.nn import functional as F


def run(i, a):
    kernel, stride, padding, ceil = torch_arguments(a)
    return F.max_pool2d(i["x"], kernel, stride, padding, ceil_mode=ceil)


for name, (shape, options) in GEOMETRIES.items():
    case(name, {"x": draw(*shape)}, options, run)
# Few values, so that almost every window has ties: the first maximum in row order takes the gradient.
case("ties", {"x": torch.randint(0, 2, (2, 2, 9, 9)).float()}, dict(kernel=3, stride=2), run)
case("all equal, padded", {"x": torch.zeros(1, 1, 5, 6)}, dict(kernel=3, stride=2, padding=1), run)
case("all negative, padded", {"x": -1 - draw(1, 1, 5, 6).abs()}, dict(kernel=3, stride=2, padding=1), run)
write(__file__)
