"""What is judged on figures: structure and operators. The messages name the field and say what it should be."""

from collections.abc import Callable
from typing import Any

import pytest

from edgefleet_preflight.graph import Graph, read_graph
from edgefleet_preflight.structure import judge_operators, judge_structure
from edgefleet_preflight.verdicts import Reason, Refused, to_line
from support import tinymodel
from support.preflights import change

INPUT = {"name": "input", "shape": [1, 4], "dtype": "int8", "scales": [0.5], "zero_points": [0]}
OUTPUT = INPUT | {"name": "output", "shape": [1, 1]}


def make_graph(**changes: Any) -> Graph:
    fields: dict[str, Any] = {
        "version": 3,
        "subgraphs": 1,
        "operators": [{"name": "LOGISTIC", "version": 2}],
        "inputs": [INPUT],
        "outputs": [OUTPUT],
    }
    return Graph.model_validate(fields | changes)


def test_a_tiny_model_is_read_as_it_was_built() -> None:
    graph = Graph.model_validate(read_graph(tinymodel.build()))
    assert [(each.name, each.version) for each in graph.operators] == [("FULLY_CONNECTED", 4), ("LOGISTIC", 2)]
    tensor, output = judge_structure(graph)
    assert (tensor.name, tensor.shape, tensor.dtype, tensor.scale, tensor.zero_point) == (
        "input",
        (1, 4),
        "int8",
        1 / 64,
        0,
    )
    assert (output.name, output.shape, output.zero_point) == ("sigmoid", (1, 1), -128)


def test_codes_that_no_node_uses_do_not_count() -> None:
    def add_unused(model: Any) -> None:
        from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema  # noqa: PLC0415

        model.operatorCodes.append(schema.OperatorCodeT(deprecatedBuiltinCode=3, builtinCode=3, version=1))

    names = [each["name"] for each in read_graph(change(add_unused))["operators"]]
    assert names == ["FULLY_CONNECTED", "LOGISTIC"]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"version": 4}, "version: 4"),
    ({"subgraphs": 2}, "subgraphs: 2"),
    ({"inputs": []}, "inputs: 0"),
    ({"inputs": [INPUT, INPUT]}, "inputs: 2"),
    ({"outputs": [OUTPUT, OUTPUT]}, "outputs: 2"),
    ({"inputs": [INPUT | {"shape": [-1, 4]}]}, "inputs[0] input: shape -1x4: every dimension must be fixed"),
    ({"inputs": [INPUT | {"shape": [8, 4]}]}, "inputs[0] input: shape 8x4: the first dimension is the batch"),
    ({"inputs": [INPUT | {"shape": []}]}, "inputs[0] input: shape none: 1 to 4 dimensions"),
    ({"inputs": [INPUT | {"shape": [1, 1, 1, 1, 4]}]}, "shape 1x1x1x1x4: 1 to 4 dimensions"),
    ({"inputs": [INPUT | {"shape": [1, 100, 100]}]}, "a golden vector of more than 8192 bytes"),
    ({"outputs": [OUTPUT | {"dtype": "float32"}]}, "outputs[0] output: dtype float32, the class takes int8 or uint8"),
    ({"outputs": [OUTPUT | {"scales": []}]}, "0 scales and 1 zero points"),
    ({"outputs": [OUTPUT | {"scales": [0.5, 0.5]}]}, "2 scales and 1 zero points"),
    ({"outputs": [OUTPUT | {"scales": [0.0]}]}, "scale 0 and zero point 0 are out of range"),
    ({"outputs": [OUTPUT | {"zero_points": [128]}]}, "scale 0.5 and zero point 128 are out of range"),
    ({"outputs": [OUTPUT | {"scales": [float("nan")]}]}, "scale nan"),
]


@pytest.mark.parametrize(("changes", "says"), BAD)
def test_the_message_names_the_field(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused) as caught:
        judge_structure(make_graph(**changes))
    assert caught.value.reason is Reason.UNSUPPORTED
    assert says in caught.value.message


def test_names_become_what_the_api_takes() -> None:
    named = [
        ("serving_default_x:0", "serving_default_x:0"),
        ("a b\n\x1b[1m", "a_b___1m"),
        ("", "input"),
        ("x" * 99, "x" * 63),
    ]
    for given, shown in named:
        assert judge_structure(make_graph(inputs=[INPUT | {"name": given}]))[0].name == shown


def test_operators_outside_the_class_are_named() -> None:
    graph = make_graph(operators=[{"name": name, "version": 1} for name in ("GELU", "LOGISTIC", "MEAN")])
    assert judge_operators(graph, ()) == ("GELU", "LOGISTIC", "MEAN")
    with pytest.raises(Refused) as caught:
        judge_operators(graph, ("LOGISTIC", "RELU"))
    assert caught.value.reason is Reason.OP_UNSUPPORTED
    assert "GELU, MEAN is not in the class, which has LOGISTIC, RELU" in caught.value.message


def test_a_custom_operator_with_a_hostile_name_is_refused_also_where_all_are_allowed() -> None:
    graph = make_graph(operators=[{"name": "a\n\x1b[2J", "version": 1}])
    with pytest.raises(Refused) as caught:
        judge_operators(graph, ())
    assert caught.value.message.isprintable()


def edit_dynamic(model: Any) -> None:
    model.subgraphs[0].tensors[0].shapeSignature = [-1, 4]


def edit_float(model: Any) -> None:
    model.subgraphs[0].tensors[0].quantization = None


EDITS: list[tuple[Callable[[Any], None], str]] = [
    (edit_dynamic, "shape -1x4"),
    (edit_float, "0 scales"),
    (lambda model: model.subgraphs.append(model.subgraphs[0]), "subgraphs: 2"),
]


@pytest.mark.parametrize(("edit", "says"), EDITS)
def test_a_file_is_judged_like_its_figures(edit: Callable[[Any], None], says: str) -> None:
    with pytest.raises(Refused, match=says):
        judge_structure(Graph.model_validate(read_graph(change(edit))))


@pytest.mark.parametrize("raw", [b"", b"{}", b"\x00" * 64, b"\x1c\x00\x00\x00TFL3", b"????TFL3" + b"\xff" * 100])
def test_what_is_no_model_does_not_load(raw: bytes) -> None:
    with pytest.raises(Refused) as caught:
        read_graph(raw)
    assert caught.value.reason is Reason.MODEL_LOAD_FAILED


def test_foreign_text_becomes_one_short_line() -> None:
    assert to_line("a\r\n\x1b[31mb\tc") == "a [31mb c"
    long = to_line("start " + "x" * 5000 + " end")
    assert len(long) == 1024
    assert long.endswith(" end")
