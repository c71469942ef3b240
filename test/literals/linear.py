"""PyTorch literals of linear."""
import torch.nn.functional as F

from common import case, draw, write


def linear(inputs, attrs):
    y = F.linear(inputs["x"], inputs["weight"], inputs["bias"])
    return y.relu() if attrs.get("activation") else y


case("one of everything", {"x": draw(1, 1), "weight": draw(1, 1), "bias": draw(1)}, {}, linear)
case("ragged", {"x": draw(5, 9), "weight": draw(17, 9), "bias": draw(17)}, {}, linear)
case("one row", {"x": draw(1, 19), "weight": draw(3, 19), "bias": draw(3)}, {}, linear)
case("no leading axis", {"x": draw(6), "weight": draw(4, 6), "bias": draw(4)}, {}, linear)
case("two leading axes, no bias", {"x": draw(2, 3, 5), "weight": draw(7, 5), "bias": None}, {}, linear)
case("relu in the same pass", {"x": draw(9, 8), "weight": draw(6, 8), "bias": draw(6)}, {"activation": "relu"}, linear)
write(__file__)
