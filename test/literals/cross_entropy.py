import torch
from common import case, draw, write
from torch.nn import functional as F


def run(i, a):
    return F.cross_entropy(i["logits"], i["labels"].long(), reduction=a.get("reduction", "mean"))


def add(name, logits, labels, **options):
    case(name, {"logits": logits, "labels": torch.tensor(labels, dtype=torch.int32)}, options, run)


for reduction in ("mean", "sum", "none"):
    add(reduction, 3 * draw(7, 10), [3, 0, 9, 9, 1, 5, 2], reduction=reduction)
add("many classes", 4 * draw(3, 137), [136, 0, 15])
add("far from 0", 200 * draw(4, 9), [0, 1, 2, 8])
add("one class", draw(3, 1), [0, 0, 0])
write(__file__)
