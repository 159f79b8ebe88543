#!/bin/sh
# Update the images' pinned dependencies, deploy/requirements/*.txt, from pyproject.toml.
# With hashes, any mirror can serve the packages. Needs uv; `make pins` installs it.
set -eu
cd "$(dirname "$0")/requirements"

pin() {
    uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate \
        --python-version 3.11 --upgrade "$@"
}

python3 -c '
import pathlib, tomllib
print(*tomllib.loads(pathlib.Path("../../pyproject.toml").read_text())["build-system"]["requires"], sep="\n")
' | pin --output-file build.txt -
pin --extra flask --extra fast --extra cache --output-file app.txt ../../pyproject.toml
pin --extra cli --output-file tools.txt ../../pyproject.toml
pin --extra cli --extra local --output-file engine.txt ../../pyproject.toml
