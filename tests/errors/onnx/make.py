#!/usr/bin/env python3
"""Writes the models of this folder: small ONNX files that are each wrong in one way.

Run it here, by hand, when a case is added: the tests use the committed files, and made.sh finds those
that differ.  It needs nothing but Python.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
from onnx_wire import attribute, external, floats, graph, model, node, number, run, tensor, value, varint  # noqa: E402


def function(name, *nodes, opset=17):
    """A function of the model from a to b."""
    out = run(1, name) + run(4, "a") + run(5, "b") + b"".join(run(7, n) for n in nodes)
    return out + run(9, number(2, opset)) + run(10, "local")


def with_local(g, *functions):
    """A model that may call functions."""
    imports = run(8, run(1, "local") + number(2, 1))
    return model(g, 17, imports + b"".join(run(25, f) for f in functions))


def local(op, inputs, outputs, name=""):
    return node(op, inputs, outputs, name=name, domain="local")


def choice(*branches):
    """If with these branches of x, the first of them `then`."""
    attributes = [attribute(name + "_branch", 5, run(6, graph([n], [], [value(y, dims)], name=name)))
                  for name, n, y, dims in branches]
    return with_local(graph([node("If", ["c"], ["y"], attributes, "choice")], [value("x", [1, 4]), value("c", [], 9)]))


RELU = node("Relu", ["x"], ["y"])
ADD = node("Add", ["x", "w"], ["y"], name="add")
GOOD = model(graph([RELU]))


def with_tensor(dims, dtype=1, raw=None, rest=b""):
    return model(graph([ADD], initializers=[tensor("w", dims, dtype, raw, rest)]))


def with_input(inputs, nodes=(RELU,)):
    return model(graph(nodes, inputs))


def with_nodes(*nodes, rest=b""):
    return model(graph(nodes, rest=rest))


def loop(inputs, of_graph, condition=node("Identity", ["b"], ["cc"]), step=node("Add", ["a", "a"], ["d"]), more=()):
    """Loop of one value, which each step adds to itself, and one output of the steps."""
    body = graph([condition, step, node("Relu", ["d"], ["e"])],
                 [value("i", [], 7), value("b", [], 9), value("a", [1, 4])],
                 [value("cc", [], 9), value("d", [1, 4]), run(1, "e")])
    again = node("Loop", inputs, ["y", "w"], [attribute("body", 5, run(6, body))], "again")
    constants = [tensor("c", [], 9, b"\1"), tensor("z", [], 7, bytes(8)), tensor("s", [], 1, floats(3)),
                 tensor("five", [], 7, b"\5" + bytes(7))]
    outputs = [value("y", [1, 4])] + ([value("r", [5, 1, 4])] if more else [])
    return model(graph([again, *more], of_graph, outputs, constants))


FOUR = floats(1, 2, 3, 4)
MODELS = {
    # files that are not ONNX
    "empty": b"",
    "text": b"this is no model\n",
    "tflite": b"\x1c\0\0\0TFL3" + bytes(24),
    "gguf": b"GGUF\3\0\0\0" + bytes(24),
    "safetensors": b"\x10\0\0\0\0\0\0\0" + b'{"__metadata__":{}}',
    "zip": b"PK\3\4" + bytes(26),
    "noise": bytes((i * 167 + 91) % 256 for i in range(64)),
    "truncated": GOOD[:40],
    "truncated_tag": GOOD + b"\x80",
    "bad_length": number(1, 8) + varint(7 << 3 | 2) + varint(1 << 40),
    # wrong wire types
    "wire_model": run(1, "8") + GOOD,
    "wire_graph": model(number(1, 3) + graph([RELU])),
    "wire_node": with_nodes(RELU + number(4, 1)),
    "wire_tensor": with_tensor([4], raw=FOUR, rest=varint(2 << 3 | 5) + bytes(4)),
    # model
    "no_graph": number(1, 8) + run(8, number(2, 13)),
    "no_nodes": with_nodes(),
    "no_outputs": model(graph([RELU], outputs=[])),
    "no_opset": model(graph([RELU]), opset=0),
    "new_opset": model(graph([RELU]), opset=99),
    "functions": with_local(graph([RELU]), b"\xff\xff\xff"),
    "function_circle": with_local(graph([local("f", ["x"], ["y"], "call")]), function("f", local("h", ["a"], ["b"])),
                                  function("h", local("f", ["a"], ["b"]))),
    "function_inputs": with_local(graph([local("f", ["x", "x"], ["y"], "call")]),
                                  function("f", node("Relu", ["a"], ["b"]))),
    "function_many": with_local(
        graph([local("f0", ["x"], ["y"], "call")]),
        *(function("f%d" % i, local("f%d" % (i + 1), ["a"], ["c"]), local("f%d" % (i + 1), ["c"], ["b"]))
          for i in range(30)), function("f30", node("Relu", ["a"], ["b"]))),
    "function_opset": with_local(graph([local("f", ["x"], ["y"], "call")]),
                                 function("f", node("Relu", ["a"], ["b"]), opset=18)),
    "training": model(graph([RELU]), rest=run(20, b"")),
    "sparse": with_nodes(RELU, rest=run(15, b"")),
    # nodes
    "unknown_op": with_nodes(node("Rleu", ["x"], ["y"], name="act")),
    "unknown_domain": with_nodes(node("FusedConv", ["x"], ["y"], domain="com.microsoft")),
    "lowered_op": with_nodes(node("QConv", ["x"], ["y"])),
    "no_op": with_nodes(run(1, "x") + run(2, "y") + run(3, "nameless")),
    "control_flow": with_nodes(
        node("If", ["x"], ["y"], [attribute("then_branch", 5, run(6, graph([RELU])))], "choice")),
    "if_no_branch": choice(("then", node("Relu", ["x"], ["t"]), "t", [1, 4])),
    "if_shapes": choice(("then", node("Relu", ["x"], ["t"]), "t", [1, 4]),
                        ("else", node("ReduceSum", ["x"], ["e"]), "e", [1, 1])),
    "scan_count": model(
        graph([node("Scan", ["x"], ["y"],
                    [attribute("body", 5, run(6, graph([node("Relu", ["e"], ["r"])], [value("e", [4])],
                                                       [value("r", [4])], name="body"))),
                     attribute("num_scan_inputs", 2, number(3, 2))], "steps")],
              [value("x", [3, 4])], [value("y", [3, 4])]), 17),
    "scan_steps": model(graph([
        node("NonZero", ["x"], ["n"]), node("Transpose", ["n"], ["t"]),
        node("Scan", ["t"], ["y"],
             [attribute("body", 5, run(6, graph([node("Abs", ["e"], ["r"])], [value("e", [2], 7)], [value("r", [2], 7)]))),
              attribute("num_scan_inputs", 2, number(3, 1))], "steps")])),
    "scan_lengths": model(graph([
        node("Scan", ["n", "x"], ["y"],
             [attribute("body", 5, run(6, graph([node("Relu", ["e"], ["r"])], [value("e", [])], [value("r", [])]))),
              attribute("num_scan_inputs", 2, number(3, 1))], "steps")], initializers=[tensor("n", [1], 7, bytes(8))]),
        opset=8),
    "loop_inputs": with_nodes(node("Loop", ["x"], ["y"], [attribute("body", 5, run(6, graph([RELU])))], "again")),
    "loop_trips": loop(["m", "c", "x"], [value("m", [], 7), value("x", [1, 4])]),
    "loop_condition": loop(["", "", "x"], [value("x", [1, 4])], node("Greater", ["a", "s"], ["cc"])),
    "loop_endless": loop(["", "c", "x"], [value("x", [1, 4])]),
    "loop_state": loop(["five", "p", "x"], [value("p", [], 9), value("x", [1, 4])],
                       step=node("Concat", ["a", "a"], ["d"], [attribute("axis", 2, number(3, 0))])),
    "loop_rows": loop(["five", "c", "x"], [value("q", [], 7), value("x", [1, 4])], node("Equal", ["i", "q"], ["cc"]),
                      more=[node("Relu", ["w"], ["r"], name="reader")]),
    "loop_shape": loop(["z", "c", "x"], [value("x", [1, 4])]),
    "graph_attribute": with_nodes(node("Relu", ["x"], ["y"], [attribute("body", 5, b"")])),
    "sparse_attribute": with_nodes(node("Relu", ["x"], ["y"], [attribute("a", 11, run(22, b""))])),
    "attribute_twice": with_nodes(
        node("Relu", ["x"], ["y"], [attribute("a", 2, number(3, i)) for i in (1, 2)])),
    "attribute_kind": with_nodes(node("Relu", ["x"], ["y"], [attribute("a", 99, number(3, 1))])),
    "cycle": with_nodes(node("Add", ["x", "c"], ["a"], name="first"),
                        node("Relu", ["a"], ["b"], name="second"),
                        node("Relu", ["b"], ["c"], name="third"), node("Relu", ["c"], ["y"])),
    "missing_tensor": with_nodes(node("Add", ["x", "ghost"], ["y"], name="add")),
    "missing_output": model(graph([RELU], outputs=[value("z", [1, 4])])),
    "output_twice": model(graph([RELU], outputs=[value("y", [1, 4])] * 2)),
    "output_unnamed": model(graph([RELU], outputs=[value("", [1, 4])])),
    "no_node_output": with_nodes(node("Relu", ["x"], [""]), RELU),
    "defined_twice": with_nodes(RELU, node("Neg", ["x"], ["y"], name="again")),
    "defines_input": with_nodes(RELU, node("Neg", ["y"], ["x"], name="back")),
    "control_character": with_nodes(node("Relu", ["x"], ["y"], name="a\nb")),
    "constant_string": with_nodes(
        node("Constant", [], ["w"], [attribute("value_string", 3, run(4, "s"))]), ADD),
    "constant_empty": with_nodes(node("Constant", [], ["w"]), ADD),
    "constant_nan": with_nodes(
        node("Constant", [], ["w"],
             [attribute("value", 4, run(5, tensor("", [2], raw=floats(1, float("nan")))))]), ADD),
    # inputs
    "symbolic": with_input([value("x", ["N", 4, None]), value("z", ["N", "T"])]),
    "input_rank": with_input([value("x", [1] * 9)]),
    "input_negative": with_input([value("x", [1, -4])]),
    "input_huge": with_input([value("x", [1 << 30, 1 << 30, 1 << 30])]),
    "input_sequence": with_input([run(1, "x") + run(2, run(4, b""))]),
    "input_optional": with_input([run(1, "x") + run(2, run(9, b""))]),
    "input_string": with_input([value("x", [1], 8)]),
    "input_complex": with_input([value("x", [1], 14)]),
    "input_untyped": with_input([run(1, "x")]),
    "input_shapeless": with_input([run(1, "x") + run(2, run(1, number(1, 1)))]),
    "input_twice": with_input([value("x", [1, 4])] * 2),
    # initializers
    "raw_short": with_tensor([4], raw=FOUR[:-1]),
    "list_short": with_tensor([4], rest=run(4, FOUR[:12])),
    "list_range": with_tensor([2], 3, rest=run(5, varint(1) + varint(300))),
    "no_data": with_tensor([4]),
    "dims_overflow": with_tensor([1 << 40, 1 << 40], raw=b""),
    "dims_hidden": with_tensor([0, 1 << 60], raw=b""),
    "dims_negative": with_tensor([-1], raw=b""),
    "dims_rank": with_tensor([1] * 9, raw=FOUR[:4]),
    "strings": with_tensor([1], 8, rest=run(6, "s")),
    "complex": with_tensor([1], 14, raw=bytes(8)),
    "segment": with_tensor([4], raw=FOUR, rest=run(3, b"")),
    "nan": with_tensor([4], raw=floats(1, 2, float("nan"), 4)),
    "infinity": with_tensor([4], 10, raw=b"\0\x3c\0\x3c\0\x3c\0\xfc"),
    "initializer_twice": model(graph([ADD], initializers=[tensor("w", [4], raw=FOUR)] * 2)),
    "initializer_unnamed": model(graph([ADD], initializers=[tensor("", [4], raw=FOUR)])),
    # external data
    "external_missing": with_tensor([4], rest=external("nowhere.bin")),
    "external_short": with_tensor([4], rest=external("weights.bin", 4)),
    "external_length": with_tensor([4], rest=external("weights.bin", 0, 12)),
    "external_offset": with_tensor([4], rest=external("weights.bin", "-4")),
    "external_parent": with_tensor([4], rest=external("../onnx/weights.bin")),
    "external_absolute": with_tensor([4], rest=external("/etc/hostname")),
    "external_folder": with_tensor([4], rest=external(".")),
    "external_nowhere": with_tensor([4], rest=number(14, 1)),
}

for file, data in MODELS.items():
    with open(file + ".onnx", "wb") as f:
        f.write(data)
with open("weights.bin", "wb") as f:
    f.write(FOUR)
