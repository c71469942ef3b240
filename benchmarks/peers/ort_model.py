"""Writes AlexNet (grouped, with response normalisation, random weights) as ONNX. Needs Debian's python3-onnx. usage: ort_model.py OUT.onnx"""
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

rng, initial, nodes = np.random.default_rng(0), [], []


def weight(name, *shape):
    initial.append(numpy_helper.from_array((rng.standard_normal(shape) * 0.01).astype("f4"), name))
    return name


def node(op, inputs, output, **attributes):
    nodes.append(helper.make_node(op, inputs, [output], **attributes))
    return output


def conv(i, x, out, channels, kernel, stride, padding, groups):
    inputs = [x, weight(f"w{i}", out, channels, kernel, kernel), weight(f"b{i}", out)]
    y = node("Conv", inputs, f"c{i}", kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[padding] * 4, group=groups)
    return node("Relu", [y], f"r{i}")


def norm(i, x):
    return node("LRN", [x], f"l{i}", size=5, alpha=5e-4, beta=0.75, bias=2.0)  # ONNX divides alpha by the size


def pool(i, x):
    return node("MaxPool", [x], f"p{i}", kernel_shape=[3, 3], strides=[2, 2])


x = pool(1, norm(1, conv(1, "x", 96, 3, 11, 4, 0, 1)))
x = pool(2, norm(2, conv(2, x, 256, 48, 5, 1, 2, 2)))
x = conv(4, conv(3, x, 384, 256, 3, 1, 1, 1), 384, 192, 3, 1, 1, 2)
x = node("Flatten", [pool(5, conv(5, x, 256, 192, 3, 1, 1, 2))], "flat")
for i, (out, n) in ((6, (4096, 9216)), (7, (4096, 4096)), (8, (1000, 4096))):
    x = node("Gemm", [x, weight(f"w{i}", out, n), weight(f"b{i}", out)], f"g{i}", transB=1)
    if i < 8:
        x = node("Relu", [x], f"a{i}")
inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 227, 227])]
outputs = [helper.make_tensor_value_info(x, TensorProto.FLOAT, ["n", 1000])]
graph = helper.make_graph(nodes, "alexnet", inputs, outputs, initial)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
model.ir_version = 8
save(model, sys.argv[1])
