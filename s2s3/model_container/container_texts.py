"""The text files of a model's container."""

import json
import shlex
import sys
from collections.abc import Sequence

FOLDER = "/opt/algorithm"
_USER = 1000

_DOCKERFILE = """# Made by `drift container`. Build: ./build.sh
FROM python:{python}-slim-bookworm AS build
WORKDIR /build
COPY requirements.txt ./
RUN python -m venv {folder}/venv \\
    && {folder}/venv/bin/pip install --no-cache-dir {index}-r requirements.txt

FROM python:{python}-slim-bookworm
RUN useradd --uid {user} --create-home algorithm && mkdir -p /input /output && chown algorithm /output
COPY --from=build {folder}/venv {folder}/venv
COPY package {folder}/package
COPY model {folder}/model
{trainers}ENV PATH={folder}/venv/bin:$PATH \\
    PYTHONPATH={folder}/package \\
    PYTHONUNBUFFERED=1 \\
{variable}    MPLCONFIGDIR=/tmp/matplotlib \\
    nnUNet_compile=f
USER {user}
WORKDIR /tmp
ENTRYPOINT [{entry}]
"""

_README = """# Container of {model}

Reads images from /input/images/*/ and writes their labels to /output/images/{output}/, as algorithms of
grand-challenge.org do.
It needs no network, runs as a user without rights, and writes to /output and /tmp only.

    ./build.sh              # needs Docker or a program like it
    ./test.sh FOLDER        # predicts the images in FOLDER, without a network, into the folder output
    docker save {tag} | gzip > {tag}.tar.gz    # the file to upload

`package` is the code that ran when this was written, `requirements.txt` the exact versions of what it needs, `model`
the trained model. Whoever has the container has the model.
"""

_BUILD = """#!/usr/bin/env bash
set -euo pipefail
cd "$(dirname "$0")"
docker build --platform linux/amd64 -t {tag} .
"""

_TEST = """#!/usr/bin/env bash
# ./test.sh FOLDER: predicts the images in FOLDER into the folder output.
set -euo pipefail
images=$(cd "${{1:?a folder with images is missing}}" && pwd)
cd "$(dirname "$0")"
mkdir -p output && chmod 777 output
gpu=$(docker info 2>/dev/null | grep -q nvidia && echo "--gpus all" || true)
docker run --rm $gpu --network none --cap-drop ALL --security-opt no-new-privileges --shm-size 512m \\
    -v "$images":/input/images/any:ro -v "$PWD/output":/output {tag}
"""


def container_texts(
    model: str,
    tag: str,
    output_name: str,
    options: Sequence[str],
    packages: Sequence[str],
    cpu: bool,
    trainers: int = 0,
) -> dict[str, str]:
    """Return name -> content of the files.

    Parameters:
        model: name of the model, for readers.
        tag: name of the image.
        output_name: folder of the results below /output/images.
        options: of the program that runs in the container.
        packages: `name==version` of everything to install.
        cpu: whether torch is installed without CUDA.
        trainers: number of folders with own trainers, trainers/0, trainers/1, ...
    """
    command = ["python", "-m", "nnunetv2.model_container.algorithm", "--model", f"{FOLDER}/model", *options]
    index = "--extra-index-url https://download.pytorch.org/whl/cpu " if cpu else ""
    places = [f"{FOLDER}/trainers/{number}" for number in range(trainers)]
    dockerfile = _DOCKERFILE.format(
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        folder=FOLDER,
        user=_USER,
        index=index,
        trainers=f"COPY trainers {FOLDER}/trainers\n" if trainers else "",
        variable=f"    nnUNet_extTrainer={':'.join(places)} \\\n" if trainers else "",
        entry=", ".join(map(json.dumps, command)),
    )
    return {
        "Dockerfile": dockerfile,
        ".dockerignore": "output\n**/__pycache__\n",
        "requirements.txt": "\n".join(packages) + "\n",
        "README.md": _README.format(model=model, output=output_name, tag=tag),
        "build.sh": _BUILD.format(tag=shlex.quote(tag)),
        "test.sh": _TEST.format(tag=shlex.quote(tag)),
    }
