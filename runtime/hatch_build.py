"""Put the int8 models of ../artifacts into the wheel, so that it predicts by itself.

In a checkout the models lie beside this folder; in an unpacked sdist the same files lie
in ``artifacts/`` inside it, where this hook put them when the sdist was built.
"""

import json
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BundleModels(BuildHookInterface):  # type: ignore[misc]
    """Add each model's manifest, reference rows and int8 files to the build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fill `force_include`; an editable install reads the checkout instead."""
        if version == "editable":
            return
        root = Path(self.root)
        artifacts = root.parent / "artifacts"
        if not (root.parent / "runtime" / "pyproject.toml").exists():
            artifacts = root / "artifacts"
        prefix = "artifacts" if self.target_name == "sdist" else "digit_runtime/bundled"
        manifests = sorted(artifacts.glob("*/manifest.json"))
        if not manifests:
            raise FileNotFoundError(f"no model manifests under {artifacts}")
        for manifest in manifests:
            document = json.loads(manifest.read_text(encoding="utf-8"))
            int8 = [f["path"] for f in document["files"] if f["precision"] == "int8"]
            for path in [manifest.name, "reference.npz", *int8]:
                source = manifest.parent / path
                build_data["force_include"][str(source)] = f"{prefix}/{manifest.parent.name}/{path}"
