#!/usr/bin/env python3
"""A stand-in for the `conda` executable: makes an environment from its YAML with venv and pip.

For tests where no conda channel can be reached. It answers what Snakemake asks conda for, and installs the
packages of the YAML at the YAML's pins, with the names that they have on PyPI.

What this proves: the workflow runs with a separate environment per rule, and each YAML names everything that
its rules import. What it does not: that conda-forge has these builds, or that its solver finds them together.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

PYPI = {"matplotlib-base": "matplotlib", "python-igraph": "igraph", "pytorch": "torch"}
BASE = Path(__file__).parent.parent  # a folder with bin/conda and bin/activate, as conda has them


def requirements(env: dict) -> tuple[str, list[str]]:
    """Return the Python version and the pip requirements of an environment."""
    python, packages = "", []
    for item in env["dependencies"]:
        if isinstance(item, dict):
            packages += item["pip"]
            continue
        name, _, version = item.partition("=")
        if name == "python":
            python = version
        elif name != "pip":
            packages.append(f"{PYPI.get(name, name)}=={version}")
    return python, packages


def create(file: str, prefix: str) -> None:
    """Make the environment of a YAML file."""
    python, packages = requirements(yaml.safe_load(Path(file).read_text()))
    interpreter = shutil.which(f"python{python}")
    if not interpreter:
        sys.exit(f"{file} asks for Python {python}, which is not installed here")
    subprocess.run([interpreter, "-m", "venv", prefix], check=True)
    # compiling what is never imported takes longer than all else
    install = [f"{prefix}/bin/python", "-m", "pip", "install", "--quiet", "--no-compile"]
    subprocess.run([*install, "--disable-pip-version-check", *packages], check=True)


def answer(arguments: list[str]) -> str:
    """Do what is asked and return what conda would print."""
    match arguments:
        case ["info", "--json"]:
            roots = dict.fromkeys(("conda_prefix", "root_prefix"), str(BASE))
            return json.dumps({**roots, "platform": "linux-64", "conda_version": "24.11.0", "envs": []})
        case ["--version"]:
            return "conda 24.11.0"
        case ["config", "--get", "channel_priority", "--json"]:
            return json.dumps({"get": {"channel_priority": "strict"}})
        case ["clean", *_]:
            return ""
        case ["env", "create", *options]:
            given = dict(re.findall(r"(--file|--prefix)[ =](\S+)", " ".join(options)))
            create(given["--file"], given["--prefix"])
            return ""
    sys.exit(f"the stand-in for conda was asked for {' '.join(arguments)}")


if __name__ == "__main__":
    print(answer(sys.argv[1:]))
