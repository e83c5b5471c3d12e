"""Models: what follows from layers, without any framework."""

import pytest

from paramedic.v1.description_pb2 import LayerConfig
from paramedic_service.reproduction.plan import LayerPlan, ModelPlan, Part
from support.specs import given, layer, model, node, planned, refusal, spec

WRAPPED = {"class_name": "LSTM", "config": {"units": 4, "return_sequences": True, "kernel_initializer": "he_normal"}}


def of(*layers: LayerConfig, shape: tuple[int, ...] = (10, 3)) -> ModelPlan:
    """The plan of layers one behind the other."""
    return planned(model(*layers, shape=shape))[0].model


def last(*layers: LayerConfig, shape: tuple[int, ...] = (10, 3)) -> LayerPlan:
    return of(*layers, shape=shape).layers[-1]


@pytest.mark.parametrize(
    ("config", "shape", "output", "parameters"),
    [
        (layer("Dense", "a", 5), (10, 3), (-1, 10, 5), 20),
        (layer("Dense", "a", 5, use_bias=False), (10, 3), (-1, 10, 5), 15),
        (layer("LSTM", "a", 4), (10, 3), (-1, 4), 128),
        (layer("GRU", "a", 4, return_sequences=True), (10, 3), (-1, 10, 4), 108),
        (layer("GRU", "a", 4, reset_after=False), (10, 3), (-1, 4), 96),
        (layer("SimpleRNN", "a", 4), (-1, 3), (-1, 4), 32),
        (layer("Bidirectional", "a", layer=WRAPPED), (10, 3), (-1, 10, 8), 256),
        (layer("Bidirectional", "a", layer=WRAPPED, merge_mode="ave"), (10, 3), (-1, 10, 4), 256),
        (layer("TimeDistributed", "a", layer={"class_name": "Dense", "config": {"units": 2}}), (10, 3), (-1, 10, 2), 8),
        (layer("RNN", "a", cell=[{"class_name": "LSTMCell", "config": {"units": 4}}]), (10, 3), (-1, 4), 128),
        (layer("Embedding", "a", input_dim=50, output_dim=6), (10,), (-1, 10, 6), 300),
        (layer("Conv1D", "a", 4, kernel_size=[3]), (10, 3), (-1, 8, 4), 40),
        (layer("Conv1D", "a", 4, kernel_size=3, padding="same", strides=2), (10, 3), (-1, 5, 4), 40),
        (layer("Conv1D", "a", 4, kernel_size=3, dilation_rate=2, padding="causal"), (-1, 3), (-1, -1, 4), 40),
        (layer("Conv2D", "a", 4, kernel_size=[3, 2]), (8, 8, 2), (-1, 6, 7, 4), 52),
        (layer("Conv2DTranspose", "a", 4, kernel_size=3, strides=2), (4, 4, 2), (-1, 9, 9, 4), 76),
        (layer("DepthwiseConv2D", "a", None, kernel_size=3, depth_multiplier=2), (8, 8, 2), (-1, 6, 6, 4), 40),
        (layer("SeparableConv1D", "a", 4, kernel_size=3), (10, 3), (-1, 8, 4), 25),
        (layer("MaxPooling1D", "a", pool_size=[4]), (10, 3), (-1, 2, 3), 0),
        (layer("GlobalAveragePooling1D", "a", keepdims=True), (10, 3), (-1, 1, 3), 0),
        (layer("Flatten", "a"), (10, 3), (-1, 30), 0),
        (layer("Flatten", "a"), (-1, 3), (-1, -1), 0),
        (layer("Reshape", "a", target_shape=[5, -1]), (10, 3), (-1, 5, 6), 0),
        (layer("Permute", "a", dims=[2, 1]), (10, 3), (-1, 3, 10), 0),
        (layer("RepeatVector", "a", n=7), (3,), (-1, 7, 3), 0),
        (layer("BatchNormalization", "a"), (10, 3), (-1, 10, 3), 12),
        (layer("LayerNormalization", "a", axis=[1, 2]), (10, 3), (-1, 10, 3), 60),
        (layer("PReLU", "a", shared_axes=[1]), (10, 3), (-1, 10, 3), 3),
        (layer("ZeroPadding1D", "a", padding=[1, 2]), (10, 3), (-1, 13, 3), 0),
        (layer("Cropping1D", "a", cropping=[1, 2]), (10, 3), (-1, 7, 3), 0),
        (layer("UpSampling1D", "a", size=3), (10, 3), (-1, 30, 3), 0),
    ],
    ids=lambda value: value.kind if isinstance(value, LayerConfig) else str(value),
)
def test_shapes_and_weights_follow_from_settings(
    config: LayerConfig, shape: tuple[int, ...], output: tuple[int, ...], parameters: int
) -> None:
    plan = last(LayerConfig.FromString(config.SerializeToString()), shape=shape)
    assert (plan.output_shape, plan.parameters) == (output, parameters)


def test_the_first_layer_tells_the_input() -> None:
    plan = of(layer("LSTM", "lstm", 4), layer("Dense", "dense", 3))
    assert [(each.name, each.kind, each.inputs) for each in plan.layers] == [
        ("input", "InputLayer", ()),
        ("lstm", "LSTM", ("input",)),
        ("dense", "Dense", ("lstm",)),
    ]
    assert plan.inputs[0].arguments == {"shape": (10, 3), "dtype": "float32"}
    assert plan.outputs == ("dense",)
    assert plan.parameters == sum(each.parameters for each in plan.layers)


def test_an_embedding_reads_whole_numbers() -> None:
    plan = of(layer("Embedding", "a", input_dim=9, output_dim=2), shape=(-1,))
    assert plan.inputs[0].arguments == {"shape": (None,), "dtype": "int32"}


def test_the_data_tells_the_input_of_a_model_that_was_never_built() -> None:
    unbuilt = model(layer("LSTM", "lstm", 4))
    del unbuilt.layers[0].input_shape[:]
    assert planned(unbuilt)[0].model.inputs[0].arguments["shape"] == (10, 3)


def test_settings_of_the_framework_that_change_nothing_are_left_out() -> None:
    plan = last(
        layer(
            "LSTM", "a", 4, "relu", unroll=True, seed=5, use_cudnn="auto", implementation=2, return_state=False,
            stateful=False, dtype={"class_name": "DTypePolicy", "config": {"name": "float32"}}, kernel_constraint=None,
            recurrent_activation="sigmoid",
        )
    )  # fmt: skip
    assert plan.arguments == {
        "units": 4,
        "activation": "relu",
        "dtype": "float32",
        "recurrent_activation": "sigmoid",
    }


def test_parts_are_told_by_name_or_by_class_and_configuration() -> None:
    plan = last(
        layer(
            "Dense", "a", 4, bias_initializer="zeros", kernel_regularizer={"class_name": "L2", "config": {"l2": 0.5}},
            kernel_initializer={"class_name": "RandomNormal", "config": {"stddev": 2.0, "mean": 0.0, "seed": 1}},
        )
    )  # fmt: skip
    assert plan.arguments["bias_initializer"] == Part("Zeros")
    assert plan.arguments["kernel_regularizer"] == Part("L2", {"l2": 0.5})
    assert plan.arguments["kernel_initializer"] == Part("RandomNormal", {"stddev": 2.0, "mean": 0.0})


def test_a_frozen_layer_does_not_train() -> None:
    config = layer("Dense", "a", 4)
    config.frozen = True
    assert last(config).arguments["trainable"] is False


def test_an_operation_noted_behind_a_layer_is_applied_to_its_output() -> None:
    plan = of(layer("Dense", "a", 3, operations=["StopGradient", "Softmax"]), layer("Dense", "b", 2))
    assert [(each.kind, each.operation) for each in plan.layers[2:]] == [
        ("StopGradient", True),
        ("Softmax", True),
        ("Dense", False),
    ]


def test_a_layer_fed_by_several_reads_their_sum_where_they_were_added() -> None:
    """As old clients tell x + f(x)."""
    final = layer("Dense", "c", 2)
    final.inputs.extend(["a", "b"])
    plan = of(layer("Dense", "a", 3, operations=["Add"]), layer("Dense", "b", 3, operations=["Add"]), final)
    assert [(each.kind, each.inputs) for each in plan.layers[-2:]] == [("Add", ("a", "b")), ("Dense", ("c/sum",))]


def test_operations_that_could_have_been_applied_in_several_ways_are_not_guessed() -> None:
    final = layer("Dense", "c", 2)
    final.inputs.extend(["a", "b"])
    layers = (layer("Dense", "a", 3, operations=["Multiply"]), layer("Dense", "b", 3), final)
    assert refusal(spec(model(*layers))).field == "description.model.layers[0].settings.operations"


def test_nodes_tell_the_graph_where_inputs_cannot() -> None:
    described = model(given(6), layer("Dense", "dense", 6, "relu"), layer("Dense", "out", 3))
    described.nodes.extend(
        [
            node("given"), node("dense", "given"), node("twice", "dense", "dense", operation="Multiply"),
            node("half", "twice", operation="Multiply", x2=0.5), node("out", "half"), node("again", "half"),
        ]
    )  # fmt: skip
    described.nodes[-1].layer = "out"
    described.outputs.append("again")
    plan = planned(described)[0].model
    places = {each.name: each for each in plan.layers}
    assert places["twice"].inputs == ("dense", "dense")
    assert places["half"].arguments == {"x2": 0.5, "arrays": ("x1",)}
    assert (places["again"].shares, places["again"].parameters) == ("out", 0)
    assert plan.parameters == 42 + 21


def test_a_layer_that_is_not_what_it_is_called_is_refused_by_what_was_reported_of_it() -> None:
    config = layer("Dense", "a", 4)
    config.parameters = 17
    error = refusal(spec(model(config)))
    assert error.field == "description.model.layers[0].parameters"
    config = layer("Dense", "a", 4)
    config.output_shape.extend([-1, 10, 9])
    assert refusal(spec(model(config))).field == "description.model.layers[0].output_shape"


def test_the_order_of_layers_that_read_each_other_does_not_matter() -> None:
    first, second = layer("Dense", "b", 3), layer("Dense", "a", 4)
    first.inputs.append("a")
    second.inputs.append("given")
    plan = of(given(3), first, second)
    assert [each.name for each in plan.layers] == ["given", "a", "b"]


def test_the_input_of_a_nested_model_is_what_the_model_reads() -> None:
    inner = given(3, name="encoder/input")
    plan = of(given(3), layer("Dense", "a", 3), inner, layer("Dense", "encoder/b", 2))
    assert [(each.name, each.inputs) for each in plan.layers[1:]] == [("a", ("given",)), ("encoder/b", ("a",))]
