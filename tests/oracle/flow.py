#!/usr/bin/env python3
"""Writes networks with control flow, as ONNX models: flow.py FOLDER

Conditions and trip counts that inputs decide, nested loops and choices, and more steps than are unrolled.
"""
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from onnx_wire import attribute, floats, graph, model, node, number, run, tensor, value, varint  # noqa: E402

INT64, BOOL = 7, 9
ROW = [1, 4]
SCALAR = [attribute("keepdims", 2, number(3, 0))]


def branch(name, g):
    return attribute(name, 5, run(6, g))


def ints(name, *values):
    return attribute(name, 7, run(8, b"".join(varint(v) for v in values)))


def body(nodes, states, outputs):
    """Of a Loop: step and condition, and rows of numbers, in; condition and rows out."""
    inputs = [value("i", [], INT64), value("c", [], BOOL)] + [value(s, ROW) for s in states]
    return graph(nodes, inputs, [value(outputs[0], [], BOOL)] + [value(o, ROW) for o in outputs[1:]])


def largest(x, y):
    return [node("Abs", [x], [y + "_abs"]), node("ReduceMax", [y + "_abs"], [y], SCALAR)]


SAME = node("Identity", ["c"], ["same"])
N = value("n", [], INT64)
X, A, B, Y = (value(name, ROW) for name in "xaby")


def constants(**values):
    return [tensor(name, [], 1, floats(v)) for name, v in values.items()]


# A square root by Newton's method, as long as it is not near enough.
NEWTON = body(
    [node("Div", ["a", "v"], ["q"]), node("Add", ["v", "q"], ["s"]), node("Mul", ["s", "half"], ["next"]),
     node("Mul", ["next", "next"], ["square"]), node("Sub", ["square", "a"], ["d"]), *largest("d", "most"),
     node("Greater", ["most", "near"], ["go"])], ["v"], ["go", "next"])
FIBONACCI = body([node("Add", ["p", "q"], ["r"]), node("Identity", ["q"], ["p2"]), SAME], ["p", "q"], ["same", "p2", "r"])
SWAP = body([SAME], ["p", "q"], ["same", "q", "p"])
DECAY = graph([node("Mul", ["s", "decay"], ["sd"]), node("Add", ["sd", "e"], ["s2"]), node("Tanh", ["s2"], ["o"])],
              [value("s", [4]), value("e", [4])], [value("s2", [4]), value("o", [4])])
THEN = graph([node("MatMul", ["x", "w"], ["m"]), node("Tanh", ["m"], ["t"])], [], [value("t", ROW)])
POSITIVE = graph([node("Exp", ["x"], ["e1"])], [], [value("e1", ROW)])
NEGATIVE = graph([node("Sigmoid", ["x"], ["e2"]), node("MatMul", ["e2", "w"], ["e3"])], [], [value("e3", ROW)])
ELSE = graph([node("ReduceSum", ["x"], ["sum"], SCALAR), node("Greater", ["sum", "none"], ["sign"]),
              node("If", ["sign"], ["inner"], [branch("then_branch", POSITIVE), branch("else_branch", NEGATIVE)]),
              node("Neg", ["inner"], ["e"])], [], [value("e", ROW)])
HALVE = body([node("Mul", ["u", "half"], ["u2"]), *largest("u2", "um"), node("Greater", ["um", "low"], ["more"])],
             ["u"], ["more", "u2"])
SHRINK = graph([node("Loop", ["", "large", "vx"], ["l"], [branch("body", HALVE)], "inner")], [], [value("l", ROW)])
GROW = graph([node("Add", ["vx", "x"], ["g"])], [], [value("g", ROW)])
OUTER = body([node("Add", ["v", "x"], ["vx"]), *largest("vx", "vm"), node("Greater", ["vm", "high"], ["large"]),
              node("If", ["large"], ["v2"], [branch("then_branch", SHRINK), branch("else_branch", GROW)]), SAME],
             ["v"], ["same", "v2"])
SCAN = [branch("body", DECAY), attribute("num_scan_inputs", 2, number(3, 1)), ints("scan_input_directions", 1),
        ints("scan_output_directions", 1), ints("scan_output_axes", 1)]
WEIGHTS = tensor("w", [4, 4], 1, floats(*[((i * 7) % 5 - 2) / 3 for i in range(16)]))
TRUE, ONE = tensor("true", [], BOOL, b"\1"), tensor("one", ROW, 1, floats(1, 1, 1, 1))
STEPS = tensor("steps", [], INT64, struct.pack("<q", 100))

MODELS = {
    "newton": graph([node("Abs", ["x"], ["ax"]), node("Add", ["ax", "half"], ["a"]),
                     node("Loop", ["", "true", "one"], ["y"], [branch("body", NEWTON)], "root")], [X], [Y],
                    constants(half=0.5, near=1e-4) + [TRUE, ONE]),
    "fibonacci": graph([node("Loop", ["n", "", "a", "b"], ["u", "v"], [branch("body", FIBONACCI)]),
                        node("Mul", ["u", "v"], ["y"])], [N, A, B], [Y, value("u", ROW)]),
    "swap": graph([node("Loop", ["n", "", "a", "b"], ["y", "v"], [branch("body", SWAP)])], [N, A, B], [Y, value("v", ROW)]),
    "many": graph([node("Loop", ["steps", "true", "x"], ["l", "y"],
                        [branch("body", body([node("Mul", ["v", "decay"], ["d"]), node("Sin", ["d"], ["next"]),
                                              node("Neg", ["next"], ["row"]), SAME], ["v"], ["same", "next", "row"]))]),
                   node("Relu", ["y"], ["z"])], [X], [value("l", ROW), value("z", [100, 1, 4])], constants(decay=0.99) + [STEPS, TRUE]),
    "scan": graph([node("Scan", ["first", "x"], ["last", "y"], SCAN)], [value("x", [200, 4])],
                  [value("last", [4]), value("y", [4, 200])], constants(decay=0.9) + [tensor("first", [4], 1, floats(0, 0, 0, 0))]),
    "choice": graph([node("ReduceMax", ["x"], ["mx"], SCALAR), node("Greater", ["mx", "half"], ["c"]),
                     node("If", ["c"], ["z"], [branch("then_branch", THEN), branch("else_branch", ELSE)]),
                     node("Relu", ["z"], ["y"])], [X], [Y], constants(none=0, half=0.5) + [WEIGHTS]),
    "nested": graph([node("Loop", ["steps", "", "x"], ["y"], [branch("body", OUTER)], "outer")], [X], [Y],
                    constants(half=0.5, low=0.3, high=3) + [STEPS]),
}

# A loop that ends only in the side that is taken.
ROOT = graph([node("Loop", ["", "true", "one"], ["root"], [branch("body", NEWTON)], "loop")], [], [value("root", ROW)])
ZERO = graph([node("Mul", ["a", "none"], ["zero"])], [], [value("zero", ROW)])
MODELS["guarded"] = graph(
    [node("ReduceMin", ["x"], ["least"], SCALAR), node("Less", ["least", "none"], ["bad"]), node("Mul", ["x", "scale"], ["a"]),
     node("If", ["bad"], ["y"], [branch("then_branch", ZERO), branch("else_branch", ROOT)])], [value("x", [1, 1])], [value("y", ROW)],
    constants(none=0, half=0.5, near=1e-4) + [TRUE, ONE, tensor("scale", ROW, 1, floats(1, 2, 3, 4))])

for file, g in MODELS.items():
    with open(os.path.join(sys.argv[1], file + ".onnx"), "wb") as f:
        f.write(model(g))
