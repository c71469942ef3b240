"""PyTorch literals of conv2d: ragged, grouped, padded, strided, rectangular and size-1 cases."""
import torch.nn.functional as F

from common import case, draw, write


def conv(inputs, attrs):
    y = F.conv2d(inputs["x"], inputs["weight"], inputs.get("bias"), attrs.get("stride", 1), attrs.get("padding", 0), 1, attrs.get("groups", 1))
    return y.relu() if attrs.get("activation") else y


def one(name, x, weight, bias=True, **attrs):
    inputs = {"x": draw(*x), "weight": draw(*weight), "bias": draw(weight[0]) if bias else None}
    case(name, inputs, attrs, conv)


one("one of everything", (1, 1, 1, 1), (1, 1, 1, 1))
one("1x1 kernel", (2, 3, 2, 4), (5, 3, 1, 1))
one("kernel as large as the image", (2, 1, 3, 4), (3, 1, 3, 4))
one("ragged, padded", (2, 2, 4, 5), (3, 2, 3, 3), padding=1)
one("without bias", (1, 2, 6, 5), (3, 2, 3, 2), bias=False)
one("rectangular kernel, stride and padding", (1, 2, 6, 5), (3, 2, 4, 3), stride=[3, 2], padding=[2, 1])
one("two groups, 5x5 padded as conv2", (1, 4, 4, 3), (4, 2, 5, 5), padding=2, groups=2)
one("as many groups as channels", (1, 3, 4, 4), (6, 1, 3, 3), padding=1, groups=3)
one("11x11 stride 4 as conv1", (1, 1, 15, 11), (1, 1, 11, 11), stride=4)
one("rows and columns that no window reaches", (1, 2, 6, 7), (2, 2, 2, 2), stride=3)
one("padding wider than the kernel", (1, 1, 2, 3), (2, 1, 2, 2), padding=[3, 2])
one("stride larger than the kernel, padded", (1, 2, 4, 5), (2, 2, 1, 2), stride=[2, 3], padding=1)
one("relu in the same pass", (2, 2, 3, 4), (3, 2, 3, 3), padding=1, activation="relu")
write(__file__)
