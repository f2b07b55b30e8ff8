"""The folder of `digit-export --format c` is a library: Arduino, PlatformIO, ESP-IDF, CMake."""

import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
from digit_export.convert import c as to_c
from digit_export.convert.c.costs import CORES, costs
from digit_export.convert.c.library import library
from digit_export.keras_model.network import Network
from digit_runtime import load
from digit_runtime.contract import Labels, Pixels

Digits = tuple[Pixels, Labels]
BOARDS = Path(__file__).parent / "boards"
COMPILERS = [shutil.which(name) for name in ("cc", "c++")]
needs_compilers = pytest.mark.skipif(None in COMPILERS, reason="needs a C and a C++ compiler")
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers"]
RUN = "#include <Arduino.h>\n#include {sketch}\nint main() {{ setup(); {body} }}\n"
EXAMPLES = ("DrawnDigit", "CameraDigit")


@pytest.fixture(scope="module")
def folder(artifacts: Path, digits: Digits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library of the published mlp, as digit-export publishes it."""
    made = tmp_path_factory.mktemp("library")
    content = to_c.int8(Network.load(artifacts / "mlp" / "model.keras"), digits[0][:500])
    (made / "mlp-int8.c").write_bytes(content)
    for path, text in to_c.beside(content, "mlp", 10).items():
        (made / path).parent.mkdir(parents=True, exist_ok=True)
        (made / path).write_bytes(text)
    return made


def answers(
    folder: Path, example: str, work: Path, frames: bytes = b"", loops: int = 1, board: str = ""
) -> list[str]:
    """Return what an example says on the serial monitor, compiled with boards/ for Arduino."""
    sketch = json.dumps(str(folder / "examples" / example / f"{example}.ino"))
    body = f'for (int i = 0; i < {loops}; i++) {{ loop(); printf("\\f"); }}'
    (work / "main.cpp").write_text(RUN.format(sketch=sketch, body=body))
    include = ["-I", str(folder), "-I", str(BOARDS)]
    defined = [f"-D{board}"] if board else []
    objects = []
    for source in sorted(folder.glob("*.c")):
        objects.append(str(work / f"{source.name}.o"))
        command = [str(COMPILERS[0]), "-std=c99", "-O2", *WARNINGS, *include, "-c", str(source)]
        if not Path(objects[-1]).exists():
            subprocess.run([*command, "-o", objects[-1]], check=True)
    command = [str(COMPILERS[1]), "-std=c++11", "-O2", *WARNINGS, *defined, *include]
    subprocess.run([*command, "main.cpp", *objects, "-o", "run"], cwd=work, check=True)
    done = subprocess.run([work / "run"], input=frames, capture_output=True, check=True)
    return done.stdout.decode().split("\f")[:-1]


@needs_compilers
def test_the_digit_drawn_in_the_sketch_is_a_three(folder: Path, tmp_path: Path) -> None:
    (said,) = answers(folder, "DrawnDigit", tmp_path)
    assert re.match(r"read: 3, \d+\.\d\d %, in 0 us\n$", said), said


@needs_compilers
def test_real_digits_drawn_into_the_sketch_are_read(
    folder: Path, test_digits: Digits, tmp_path: Path
) -> None:
    wrong = 0
    for digit, label in zip(test_digits[0][:8], test_digits[1], strict=False):
        rows = np.where(digit.reshape(28, 28)[2:26, 4:24] > 100, "#", " ")
        drawing = ",\n".join(f'"{"".join(row)}"' for row in rows)
        changed = tmp_path / "changed"
        shutil.copytree(folder, changed, dirs_exist_ok=True)
        sketch = changed / "examples" / "DrawnDigit" / "DrawnDigit.ino"
        text, found = re.subn(
            r"drawing\[\] = \{.*?\};",
            f"drawing[] = {{\n{drawing}\n}};",
            sketch.read_text(),
            flags=re.S,
        )
        assert found == 1
        sketch.write_text(text)
        (said,) = answers(changed, "DrawnDigit", tmp_path)
        wrong += not said.startswith(f"read: {label},")
    assert wrong <= 1


def frames(digits: Pixels) -> np.ndarray:
    """Return what a camera sees of digits on paper, uint8 ``[N, 120, 160]``, at its middle."""
    dice = np.random.default_rng(3)
    seen = dice.normal(190, 2, (len(digits), 120, 160))
    ink = digits.reshape(-1, 28, 28).repeat(3, 1).repeat(3, 2)
    seen[:, 18:102, 38:122] -= ink * 0.6
    return np.clip(seen, 0, 255).astype(np.uint8)


@needs_compilers
@pytest.mark.parametrize("board", ["ARDUINO_ARCH_ESP32", ""], ids=["esp32-cam", "ov7670"])
def test_a_camera_tells_the_digits_that_it_sees(
    folder: Path, test_digits: Digits, tmp_path: Path, board: str
) -> None:
    pixels, labels = test_digits[0][:100], test_digits[1][:100]
    seen = frames(pixels)
    blank = np.full((1, 120, 160), 190, np.uint8)
    said = answers(
        folder, "CameraDigit", tmp_path, np.concatenate([seen, blank]).tobytes(), 102, board
    )
    assert said[100:] == ["", ""]
    told = [(text.strip(), str(label)) for text, label in zip(said, labels, strict=False) if text]
    # Those that it is not sure of it keeps to itself.
    assert len(told) >= 90
    assert sum(text == label for text, label in told) >= len(told) - 2


def test_the_metadata_is_what_the_tools_ask_for(folder: Path) -> None:
    lines = (folder / "library.properties").read_text().splitlines()
    properties = dict(line.split("=", 1) for line in lines)
    asked = {"name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url"}
    assert asked | {"architectures", "includes"} == properties.keys()
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_ .-]{0,62}", properties["name"])
    described = json.loads((folder / "library.json").read_text())
    assert described["name"] == properties["name"] == "digit_mlp"
    for version in (described["version"], properties["version"]):
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    for header in (*described["headers"], *properties["includes"].split(",")):
        assert (folder / header).is_file()
    for example in described["examples"]:
        for file in example["files"]:
            assert (folder / example["base"] / file).is_file()
    words = [line.split("\t")[0] for line in (folder / "keywords.txt").read_text().splitlines()]
    headers = "".join(path.read_text() for path in folder.glob("*.h"))
    assert all(re.search(rf"\b{word}\b", headers) for word in words)
    listed = re.search(r"set\(sources (.*)\)", (folder / "CMakeLists.txt").read_text())
    assert listed
    assert sorted(re.findall(r'"(.*?)"', listed[1])) == sorted(p.name for p in folder.glob("*.c"))


def test_cmake_builds_it(folder: Path, tmp_path: Path) -> None:
    cmake = shutil.which("cmake")
    if not cmake:
        pytest.skip("needs cmake")
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(app C)\n"
        f"add_subdirectory({folder} digit)\nadd_executable(app app.c)\n"
        "target_link_libraries(app digit_mlp)\n"
    )
    (tmp_path / "app.c").write_text(
        '#include "digit_predict.h"\nint main(void)\n{\n    static uint8_t pixels[784];\n'
        "    float made[DIGIT_CLASSES];\n    digit_predict(pixels, made);\n    return 0;\n}\n"
    )
    for step in (["-S", ".", "-B", "build"], ["--build", "build"]):
        subprocess.run([cmake, *step], cwd=tmp_path, check=True, capture_output=True)
    subprocess.run([tmp_path / "build" / "app"], check=True)


def test_platformio_packs_it(folder: Path, tmp_path: Path) -> None:
    pio = shutil.which("pio")
    if not pio:
        pytest.skip("needs PlatformIO: pip install platformio, in an environment of its own")
    packed = tmp_path / "library.tar.gz"
    own = {**os.environ, "HOME": str(tmp_path), "PLATFORMIO_CORE_DIR": str(tmp_path / "core")}
    subprocess.run([pio, "pkg", "pack", str(folder), "-o", str(packed)], check=True, env=own)
    with tarfile.open(packed) as archive:
        names = set(archive.getnames())
    assert {path.name for path in folder.glob("*.[ch]")} <= names


def test_cmake_builds_it_as_a_component_of_esp_idf(folder: Path, tmp_path: Path) -> None:
    cmake = shutil.which("cmake")
    if not cmake:
        pytest.skip("needs cmake")
    # What ESP-IDF's own function does with SRCS and INCLUDE_DIRS.
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(app C)\nset(ESP_PLATFORM 1)\n"
        "set(COMPONENT_LIB __idf_digit)\nfunction(idf_component_register)\n"
        '  cmake_parse_arguments(PARSE_ARGV 0 its "" "" "SRCS;INCLUDE_DIRS")\n'
        "  add_library(${COMPONENT_LIB} STATIC ${its_SRCS})\n"
        "  target_include_directories(${COMPONENT_LIB} PUBLIC ${its_INCLUDE_DIRS})\n"
        f"endfunction()\nadd_subdirectory({folder} digit)\n"
    )
    for step in (["-S", ".", "-B", "build"], ["--build", "build"]):
        subprocess.run([cmake, *step], cwd=tmp_path, check=True, capture_output=True)
    assert list(tmp_path.rglob("lib__idf_digit.a")) or os.name == "nt"


def test_its_readme_has_the_compilers_own_figures(folder: Path, tmp_path: Path) -> None:
    readme = (folder / "README.md").read_text()
    assert "266,200 multiplications" in readme
    here = [core for core in CORES if shutil.which(f"{core.prefix}gcc")]
    for core in CORES:
        row = re.search(rf"^\| {re.escape(core.name)} \| ([\d,]+) \| ([\d,]+) \|$", readme, re.M)
        assert bool(row) is (core in here)
        if row:
            flash, ram = (int(figure.replace(",", "")) for figure in row.groups())
            (constants,) = re.findall(r"([\d,]+) bytes of constants", readme)
            assert 0 < flash - int(constants.replace(",", "")) < 16384
            assert 784 <= ram < 4096


def test_without_these_compilers_the_table_is_left_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = (folder / "mlp-int8.c").read_bytes()
    others = to_c.sources(content)
    monkeypatch.setenv("PATH", "")
    assert costs({"mlp-int8.c": content, **others}) == []
    made = library("mlp", content, others, 10)
    assert b"| core |" not in made["README.md"]
    assert b"266,200 multiplications" in made["README.md"]


def test_a_compiler_that_fails_leaves_its_row_out(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.name == "nt":
        pytest.skip("writes shell scripts")
    for name in ("gcc", "size"):
        program = tmp_path / f"arm-none-eabi-{name}"
        program.write_text("#!/bin/sh\nexit 1\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert costs({"mlp-int8.c": (folder / "mlp-int8.c").read_bytes()}) == []


def test_a_name_of_any_letters_makes_a_library(folder: Path) -> None:
    content = (folder / "mlp-int8.c").read_bytes()
    made = library("meine ziffern-größe", content, to_c.sources(content), 10)
    assert b"name=digit_meine_ziffern_gr__e\n" in made["library.properties"]
    assert (
        json.loads(made["library.json"])["build"]["srcFilter"][1] == "+<meine ziffern-größe-int8.c>"
    )


@needs_compilers
def test_the_published_folder_holds_the_library(copy: Path, run_export: object) -> None:
    result = run_export(copy, "--format", "c")  # type: ignore[operator]
    assert result.result.exit_code == 0, result.result.output
    found = {path.relative_to(copy / "c").as_posix() for path in (copy / "c").rglob("*.*")}
    expected = {f"examples/{name}/{name}.ino" for name in EXAMPLES}
    expected |= {"library.properties", "library.json", "CMakeLists.txt", "keywords.txt"}
    assert expected | {"README.md", "mlp-int8.c", "digit_predict.h"} <= found
    assert load(copy / "c" / "mlp-int8.c").predict(np.zeros((1, 784), np.uint8)).shape == (1,)
