"""Makes the small model of these tests and its samples; reproducible."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

rng = np.random.default_rng(7)


def constant(name, *shape, scale=0.5):
    return numpy_helper.from_array((scale * rng.standard_normal(shape)).astype(np.float32), name)


nodes = [
    helper.make_node("Conv", ["image", "w1", "b1"], ["conv1"], "conv1", pads=[1, 1, 1, 1], strides=[2, 2]),
    helper.make_node("BatchNormalization", ["conv1", "gamma", "beta", "mean", "var"], ["bn1"], "bn1"),
    helper.make_node("Relu", ["bn1"], ["relu1"], "relu1"),
    helper.make_node("Conv", ["relu1", "w2"], ["conv2"], "conv2", group=8, pads=[1, 1, 1, 1]),
    helper.make_node("Sigmoid", ["conv2"], ["gate"], "gate"),
    helper.make_node("Add", ["gate", "relu1"], ["sum"], "sum"),
    helper.make_node("MaxPool", ["sum"], ["pool"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
    helper.make_node("Flatten", ["pool"], ["flat"], "flat"),
    helper.make_node("Gemm", ["flat", "w3", "b3"], ["logits"], "dense", transB=1),
    helper.make_node("Softmax", ["logits"], ["scores"], "softmax", axis=1),
]
initializers = [constant("w1", 8, 3, 3, 3), constant("b1", 8), constant("w2", 8, 1, 3, 3),
                constant("w3", 4, 32), constant("b3", 4), constant("beta", 8), constant("mean", 8),
                numpy_helper.from_array(np.linspace(0.5, 1.5, 8, dtype=np.float32), "gamma"),
                numpy_helper.from_array(np.linspace(0.5, 2.0, 8, dtype=np.float32), "var")]
graph = helper.make_graph(nodes, "small",
                          [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, 8, 8])],
                          [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 4])], initializers)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
model.ir_version = 8
onnx.checker.check_model(model)
onnx.save(model, "small.onnx")
np.save("x.npy", rng.standard_normal((24, 3, 8, 8)).astype(np.float32))
np.save("labels.npy", rng.integers(0, 4, 24))
