from common import case, draw, write
from pool2d_cases import GEOMETRIES, torch_arguments
from torch.nn import functional as F


def run(i, a):
    kernel, stride, padding, ceil = torch_arguments(a)
    return F.avg_pool2d(i["x"], kernel, stride, padding, ceil_mode=ceil, count_include_pad=True)


for name, (shape, options) in GEOMETRIES.items():
    case(name, {"x": draw(*shape)}, options, run)
write(__file__)
