"""`digit-export --model` of somebody's own Keras file, and what the runtime makes of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from digit_export.cli import export
from digit_export.network import keras
from digit_runtime import backends, load
from digit_runtime.cli import info, predict, verify
from digit_runtime.contract import Labels, Pixels

Digits = tuple[Pixels, Labels]
LAYERS = keras.layers
NAMES = ("low", "middle", "high", "nine")
ONE_FILE = ("--format", "onnx", "--precision", "float32")


def exporting(path: Path, rows: Path, *arguments: object) -> Result:
    words = ["--model", path, "--data", rows, *arguments]
    return CliRunner().invoke(export, [str(word) for word in words])


def succeeding(path: Path, rows: Path, *arguments: object) -> Result:
    result = exporting(path, rows, *arguments)
    assert result.exit_code == 0, result.output
    return result


def manifest_of(directory: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((directory / "manifest.json").read_text())
    return document


def softmax(logits: Any) -> Any:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def saved(path: Path, *layers: Any) -> Any:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(layers)
    model.save(path)
    return model


@pytest.mark.parametrize(
    ("shape", "dtype", "activation", "scale"),
    [
        ((784,), "float32", "softmax", 1 / 255),
        ((28, 28), "float32", None, 1 / 255),
        ((28, 28, 1), "float32", None, 1),
        ((28, 28), "float16", "softmax", 1 / 255),
        ((28, 28, 1), "uint8", "softmax", None),
        ((784,), "uint8", None, None),
    ],
)
def test_any_pixels_in_and_probabilities_or_logits_out(
    shape: tuple[int, ...],
    dtype: str,
    activation: str | None,
    scale: float | None,
    data: Path,
    test_digits: Digits,
    tmp_path: Path,
) -> None:
    own = [LAYERS.Rescaling(1 / 255)] if dtype == "uint8" else []
    flat = LAYERS.Flatten() if shape != (784,) else LAYERS.Dropout(0.5)
    model = saved(
        tmp_path / "own.keras",
        keras.Input(shape, dtype=dtype),
        *own,
        flat,
        LAYERS.Dense(10, activation=activation),
    )
    given = [] if scale is None else ["--scale", scale]
    result = succeeding(tmp_path / "own.keras", data / "train.csv", *ONE_FILE, *given)
    said = f"own: takes {dtype} [N, {', '.join(map(str, shape))}]"
    assert said in result.stderr
    assert ("softmax added" in result.stderr) == (activation is None)
    assert ("pixels multiplied by" in result.stderr) == (scale is not None)
    pixels = test_digits[0][:50]
    images = pixels.reshape(-1, *shape).astype(dtype)
    answers = np.asarray(model(images if scale is None else images * np.dtype(dtype).type(scale)))
    expected = softmax(answers) if activation is None else answers
    found = load(tmp_path / "own/onnx/own-float32.onnx").predict_proba(pixels)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-3 if dtype == "float16" else 1e-5)


def test_the_scale_is_asked_for_where_the_model_does_not_tell(data: Path, tmp_path: Path) -> None:
    saved(tmp_path / "own.keras", keras.Input((784,)), LAYERS.Dense(10))
    result = exporting(tmp_path / "own.keras", data / "train.csv")
    assert result.exit_code == 1
    assert "give --scale 1/255 if it was trained on pixels from 0 to 1" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["own.keras"]


@pytest.mark.parametrize(
    "first",
    [
        LAYERS.Rescaling(1 / 127.5, offset=-1),
        LAYERS.Normalization(mean=33.3, variance=78.6**2),
    ],
)
def test_a_first_layer_that_scales_tells_the_range(data: Path, tmp_path: Path, first: Any) -> None:
    saved(tmp_path / "own.keras", keras.Input((28, 28)), first, LAYERS.Flatten(), LAYERS.Dense(10))
    result = succeeding(tmp_path / "own.keras", data / "train.csv", *ONE_FILE)
    assert "pixels multiplied by 1;" in result.stderr


@pytest.mark.parametrize(
    "first", [LAYERS.Rescaling(2, offset=-1), LAYERS.Normalization(mean=0.13, variance=0.1)]
)
def test_one_that_scales_0_to_1_does_not(data: Path, tmp_path: Path, first: Any) -> None:
    saved(tmp_path / "own.keras", keras.Input((28, 28)), first, LAYERS.Flatten(), LAYERS.Dense(10))
    result = exporting(tmp_path / "own.keras", data / "train.csv", *ONE_FILE)
    assert "give --scale 1/255" in result.stderr


def test_a_model_of_uint8_takes_no_scale(data: Path, tmp_path: Path) -> None:
    saved(
        tmp_path / "own.keras",
        keras.Input((784,), dtype="uint8"),
        LAYERS.Rescaling(1 / 255),
        LAYERS.Dense(10),
    )
    result = exporting(tmp_path / "own.keras", data / "train.csv", "--scale", "1/255")
    assert result.exit_code == 1
    assert "leave out --scale" in result.stderr


@pytest.mark.parametrize("text", ["0", "-1", "1/0", "inf", "nan", "x", "1/255/2"])
def test_what_is_no_scale(data: Path, tmp_path: Path, text: str) -> None:
    result = exporting(tmp_path / "own.keras", data / "train.csv", f"--scale={text}")
    assert result.exit_code == 2
    assert "is not a positive number such as 1/255" in result.stderr


@pytest.fixture(scope="session")
def quarter_rows(digits: Digits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training CSV with labels from 0 to 3."""
    path = tmp_path_factory.mktemp("rows") / "train.csv"
    table = np.column_stack([digits[1] // 3, digits[0]])[:6000]
    np.savetxt(path, table, fmt="%d", delimiter=",", comments="", header=header())
    return path


def header() -> str:
    return ",".join(["label", *(f"pixel{i}" for i in range(784))])


@pytest.fixture(scope="session")
def quarters(digits: Digits, quarter_rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model of four classes, exported to float32."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            LAYERS.Conv2D(8, 5, strides=2, use_bias=False),
            LAYERS.BatchNormalization(),
            LAYERS.ReLU(),
            LAYERS.Flatten(),
            LAYERS.Dense(4),
        ]
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    images = digits[0][:4000].reshape(-1, 28, 28, 1) / np.float32(255)
    model.fit(images, digits[1][:4000] // 3, verbose=0)
    path = tmp_path_factory.mktemp("quarters") / "quarters.keras"
    model.save(path)
    names = path.with_name("names.txt")
    names.write_text("\n".join(NAMES) + "\n")
    precision = ("--precision", "float32")
    succeeding(path, quarter_rows, "--scale", "1/255", "--labels", names, *precision)
    return path.with_suffix("")


def test_labels_are_recorded_and_every_engine_gives_as_many_probabilities(
    quarters: Path, test_digits: Digits
) -> None:
    assert manifest_of(quarters)["labels"] == list(NAMES)
    pixels, digits = test_digits[0][:500], test_digits[1][:500]
    for engine in [engine for engine in backends.ENGINES if not engine.slow]:
        file = quarters / engine.format / f"quarters-float32.{engine.format}"
        classifier = load(file, engine=engine.name)
        assert classifier.labels == NAMES
        answers = classifier.predict_proba(pixels)
        assert answers.shape == (500, 4)
        np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)
        assert np.mean(answers.argmax(axis=1) == digits // 3) > 0.7
        assert classifier.predict_proba(pixels[:0]).shape == (0, 4)


def test_predictions_are_written_and_scored_by_name(
    quarters: Path, quarter_rows: Path, tmp_path: Path, digits: Digits
) -> None:
    answers = tmp_path / "answers.csv"
    expected = digits[1][:6000] // 3
    lines = [f"{row},{NAMES[label]}" for row, label in enumerate(expected, 1)]
    answers.write_text("\n".join(["ImageId,Label", *lines]) + "\n")
    where = ["--model", "quarters", "--artifacts", str(quarters.parent)]
    outputs = ["-o", str(tmp_path / "s.csv"), "--probabilities", str(tmp_path / "p.csv")]
    result = CliRunner().invoke(
        predict, [str(quarter_rows), *where, *outputs, "--labels", str(answers)]
    )
    assert result.exit_code == 0, result.output
    written = [line.split(",")[1] for line in (tmp_path / "s.csv").read_text().splitlines()[1:]]
    right = np.mean([name == NAMES[label] for name, label in zip(written, expected, strict=True)])
    assert f"accuracy  {right:.2%}" in result.stdout
    assert (tmp_path / "p.csv").read_text().startswith("ImageId,plow,pmiddle,phigh,pnine\n1,0.")
    (row,) = [line for line in result.stdout.splitlines() if line.startswith("nine ")]
    assert len(row.split()) == 6
    answers.write_text("ImageId,Label\n1,seven\n")
    result = CliRunner().invoke(predict, [str(quarter_rows), *where, "--labels", str(answers)])
    assert "row 1, column Label: 'seven' is not one of low, middle, high, nine" in result.stderr


def test_info_and_verify_know_the_model(quarters: Path) -> None:
    where = ["quarters", "--artifacts", str(quarters.parent)]
    shown = CliRunner().invoke(info, where)
    assert "labels      low, middle, high, nine" in shown.stdout
    assert "?" not in shown.stdout
    arguments = [*where, "--engine", "onnxruntime", "--engine", "litert"]
    checked = CliRunner().invoke(verify, arguments)
    assert checked.exit_code == 0, checked.output
    assert "OK: 2 checks of quarters" in checked.stdout


def test_the_card_claims_nothing_of_the_training(quarters: Path) -> None:
    card = (quarters / "README.md").read_text()
    assert "Tells 4 classes apart: low, middle, high, nine." in card
    assert "logits; softmax was added" in card
    assert "MNIST" not in card


def test_what_was_said_once_need_not_be_repeated(quarters: Path, quarter_rows: Path) -> None:
    path = quarters.with_suffix(".keras")
    again = succeeding(path, quarter_rows, "--precision", "float32")
    assert again.stdout.count("up to date") == 2
    other = succeeding(path, quarter_rows, *ONE_FILE, "--labels", "a,b,c,d")
    assert "up to date" not in other.stdout
    assert manifest_of(quarters)["labels"] == ["a", "b", "c", "d"]
    succeeding(path, quarter_rows, *ONE_FILE, "--labels", ",".join(NAMES))


def test_as_many_labels_as_classes(quarters: Path, quarter_rows: Path) -> None:
    result = exporting(quarters.with_suffix(".keras"), quarter_rows, "--labels", "a,b,c")
    assert result.exit_code == 1
    assert "has 4 classes, and --labels names 3" in result.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nofile.txt", "no such file"),
        ("a,a", "'a': names two classes"),
        ("a,,b", "'': is no label"),
        ('a,b"', "is no label"),
        (",".join(map(str, range(257))), "are 257; expected 2 to 256"),
    ],
)
def test_what_are_no_labels(data: Path, tmp_path: Path, text: str, said: str) -> None:
    result = exporting(tmp_path / "own.keras", data / "train.csv", "--labels", text)
    assert result.exit_code == 2
    assert said in result.stderr


def test_rows_of_other_classes_are_refused(quarters: Path, data: Path) -> None:
    result = exporting(quarters.with_suffix(".keras"), data / "train.csv", "--force")
    assert result.exit_code == 1
    assert "is not a class from 0 to 3" in result.stderr


def test_classes_without_rows_are_named(data: Path, tmp_path: Path) -> None:
    saved(tmp_path / "letters.keras", keras.Input((784,)), LAYERS.Dense(26))
    rows = tmp_path / "train.csv"
    rows.write_bytes((data / "train.csv").read_bytes())
    result = exporting(tmp_path / "letters.keras", rows, "--scale", "1/255")
    assert result.exit_code == 1
    assert "the training rows hold 0 of the class 10; 19 of each are needed" in result.stderr


def test_without_labels_answers_are_compared_but_no_accuracy(
    data: Path, tmp_path: Path, digits: Digits
) -> None:
    saved(tmp_path / "letters.keras", keras.Input((784,)), LAYERS.Dense(26))
    rows = tmp_path / "rows.csv"
    np.savetxt(
        rows,
        digits[0][:1000],
        fmt="%d",
        delimiter=",",
        comments="",
        header=header().removeprefix("label,"),
    )
    result = succeeding(tmp_path / "letters.keras", rows, "--scale", "1/255", *ONE_FILE)
    assert "has no labels, so no accuracy is compared" in result.stderr
    directory = tmp_path / "letters"
    (file,) = manifest_of(directory)["files"]
    assert file["parity"]["validation"]["accuracy"] is None
    assert file["parity"]["validation"]["agreement"] == 1
    assert manifest_of(directory)["labels"] == [str(label) for label in range(26)]
    with np.load(directory / "reference.npz", allow_pickle=False) as reference:
        assert sorted(reference) == ["pixels", "probabilities"]
        assert reference["probabilities"].shape == (100, 26)
    again = succeeding(tmp_path / "letters.keras", rows, *ONE_FILE)
    assert "up to date" in again.stdout


def test_a_legacy_h5_file(data: Path, tmp_path: Path, test_digits: Digits) -> None:
    model = keras.Sequential([keras.Input((28, 28)), LAYERS.Flatten(), LAYERS.Dense(10)])
    from keras.src.legacy.saving import legacy_h5_format

    legacy_h5_format.save_model_to_hdf5(model, str(tmp_path / "old.h5"))
    succeeding(tmp_path / "old.h5", data / "train.csv", "--scale", "1/255", *ONE_FILE)
    images = test_digits[0][:20].reshape(-1, 28, 28) / np.float32(255)
    found = load(tmp_path / "old/onnx/old-float32.onnx").predict_proba(test_digits[0][:20])
    np.testing.assert_allclose(found, softmax(np.asarray(model(images))), atol=1e-5)


def test_a_recurrent_network_in_both_formats(data: Path, tmp_path: Path) -> None:
    inner = keras.Sequential(
        [keras.Input((28, 28)), LAYERS.Bidirectional(LAYERS.SimpleRNN(4))], name="inner"
    )
    saved(tmp_path / "rows.keras", keras.Input((28, 28)), inner, LAYERS.Dense(10))
    result = succeeding(
        tmp_path / "rows.keras",
        data / "train.csv",
        *("--scale", "1/255", "--precision", "float32"),
    )
    assert result.stdout.count(" exported") == 2


@pytest.mark.parametrize(
    "dense", [{"use_bias": False}, {"use_bias": False, "activation": "relu"}, {}]
)
def test_int8_of_layers_that_the_shipped_models_do_not_have(
    dense: dict[str, Any], test_digits: Digits
) -> None:
    from digit_export import to_onnx
    from digit_export.network import Network
    from digit_runtime.backends import onnxruntime_engine

    keras.utils.set_random_seed(0)
    network = Network(
        keras.Sequential(
            [
                keras.Input((784,), dtype="uint8", name="pixels"),
                LAYERS.Rescaling(1 / 255),
                LAYERS.Reshape((28, 28, 1)),
                LAYERS.SeparableConv2D(8, 5, strides=2, activation="leaky_relu"),
                LAYERS.BatchNormalization(),
                LAYERS.Flatten(),
                LAYERS.Dense(16, **dense),
                LAYERS.Dense(10, activation="softmax"),
            ]
        )
    )
    content = to_onnx.int8(network, test_digits[0][:200])
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    found = onnxruntime_engine.OnnxRuntimeSession(session, 10).run(test_digits[0][:200])
    np.testing.assert_allclose(found, network.predict(test_digits[0][:200]), atol=0.05)


def test_a_model_keras_beside_other_files_leaves_them_alone(data: Path, tmp_path: Path) -> None:
    saved(tmp_path / "model.keras", keras.Input((784,)), LAYERS.Dense(10))
    (tmp_path / "README.md").write_text("my project")
    succeeding(tmp_path / "model.keras", data / "train.csv", "--scale", "1/255", *ONE_FILE)
    assert (tmp_path / "README.md").read_text() == "my project"
    assert (tmp_path / "model/onnx/model-float32.onnx").is_file()


def test_labels_are_of_one_model(copy: Path, data: Path) -> None:
    where = ["--artifacts", str(copy.parent), "--data", str(data / "train.csv")]
    result = CliRunner().invoke(export, [*where, "--labels", "a,b"])
    assert result.exit_code == 2
    assert "--labels and --scale are of one --model" in result.stderr
