import torch
from common import case, draw, write
from torch.nn import functional as F


def run(i, a):
    return (F.log_softmax if a["log"] else F.softmax)(i["x"], a.get("axis", -1))


for log in (False, True):
    name = "logSoftmax" if log else "softmax"
    case(f"{name}, rows", {"x": 3 * draw(3, 37)}, dict(log=log), run)
    case(f"{name}, first axis", {"x": 3 * draw(5, 19)}, dict(log=log, axis=0), run)
    case(f"{name}, a middle axis", {"x": 3 * draw(2, 4, 3, 3)}, dict(log=log, axis=1), run)
    case(f"{name}, a vector", {"x": draw(3)}, dict(log=log, axis=0), run)
    case(f"{name}, one class", {"x": draw(4, 1)}, dict(log=log, axis=1), run)
    case(f"{name}, far from 0", {"x": 40 * draw(3, 10) + 1000}, dict(log=log), run)
    case(f"{name}, equal", {"x": torch.full((2, 17), -3.0)}, dict(log=log), run)
write(__file__)
