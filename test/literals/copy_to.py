from common import case, draw, write

for shape in [[], [1], [2, 3], [1, 2, 1, 2, 1, 3], [1031]]:
    case(f"{shape}", {"x": draw(*shape)}, {}, lambda i, a: i["x"].to("cpu", copy=True))
write(__file__)
