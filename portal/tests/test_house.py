"""The house rules that a machine can hold."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
APPS = ("portal", "feed", "devices", "particle_integration", "benchmarks")
MODULES = sorted(
    path for app in APPS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts
)
CODE = [path for path in MODULES if "tests" not in path.parts]


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_module_is_short(path):
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", CODE, ids=_name)
def test_module_says_its_duty_and_its_functions_are_short(path):
    tree = ast.parse(path.read_text())
    functions = [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]

    assert ast.get_docstring(tree) or not tree.body, "no docstring at the top"
    assert not [node.name for node in functions if (node.end_lineno or 0) - node.lineno + 1 > 50]


def test_the_layers_contract_names_every_module_of_the_composition():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    named = set(re.findall(r"[\w.]+", contracts["contracts"][0]["layers"][0]))
    composed = {f"portal.{path.stem}" for path in (ROOT / "portal").glob("*.py")} - {
        "portal.__init__"
    }

    assert composed <= named


@pytest.mark.parametrize(
    ("package", "least"),
    [("daphne", (4, 2, 2)), ("pillow", (12, 3, 0)), ("django", (5, 2, 8))],
)
def test_no_package_is_below_its_least_safe_version(package, least):
    installed = tuple(int(part) for part in version(package).split(".")[:3])

    assert installed >= least


def test_every_variable_that_settings_read_is_explained():
    settings = (ROOT / "portal" / "settings.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', settings)) - {"TEST_DATABASE_NAME"}
    explained = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))

    assert read
    assert read <= explained


def test_every_make_target_of_the_readme_exists():
    named = set(re.findall(r"`make ([a-z]+)", (ROOT / "README.md").read_text()))
    listed = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert named
    assert named <= set(re.findall(r"make ([a-z]+)", listed))
