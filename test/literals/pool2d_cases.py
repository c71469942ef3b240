"""The geometries that max and average pooling are compared over."""
GEOMETRIES = {
    "3/2 as AlexNet's": ((1, 3, 9, 13), dict(kernel=3, stride=2)),
    "3/2 wide enough for whole vectors": ((1, 1, 5, 71), dict(kernel=3, stride=2)),
    "2/2 by default stride": ((1, 2, 6, 8), dict(kernel=2)),
    "3/1": ((1, 1, 4, 19), dict(kernel=3, stride=1, padding=1)),
    "unequal axes": ((2, 1, 7, 9), dict(kernel=[2, 4], stride=[3, 1], padding=[1, 2])),
    "ceil, hanging over": ((1, 2, 6, 8), dict(kernel=3, stride=2, ceil=True)),
    "ceil with padding": ((1, 2, 7, 6), dict(kernel=3, stride=2, padding=1, ceil=True)),
    "ceil, last window would start in the right padding": ((1, 1, 5, 5), dict(kernel=2, stride=3, padding=1, ceil=True)),
    "ceil, image smaller than the window": ((1, 2, 2, 2), dict(kernel=3, stride=2, ceil=True)),
    "gaps between windows": ((1, 1, 11, 13), dict(kernel=2, stride=4)),
    "stride 3": ((1, 1, 8, 22), dict(kernel=5, stride=3, padding=2)),
    "the whole map": ((1, 2, 6, 5), dict(kernel=[6, 5])),
    "window above 256 elements": ((1, 1, 18, 19), dict(kernel=17, stride=2)),
    "size 1": ((1, 1, 1, 1), dict(kernel=1)),
}


def torch_arguments(a):
    return a["kernel"], a.get("stride"), a.get("padding", 0), a.get("ceil", False)
