# DRIFT with a CUDA GPU: torch's own packages bring CUDA, so the base is the same as without. From the project's folder:
#   docker build -f containers/cuda.Dockerfile -t drift:cuda .
#   docker run --rm --gpus all --shm-size 8g -v "$PWD/data:/data" drift:cuda nnUNetv2_train 110 2d 0
FROM python:3.12.11-slim-bookworm AS build
WORKDIR /source
COPY requirements.txt ./
RUN python -m venv /opt/drift \
    && /opt/drift/bin/pip install --no-cache-dir -r requirements.txt
COPY pyproject.toml setup.py README.md LICENSE ./
COPY s1 s1
COPY s2s3 s2s3
RUN /opt/drift/bin/pip install --no-cache-dir --no-deps .

FROM python:3.12.11-slim-bookworm
RUN useradd --uid 10001 --create-home drift && mkdir /data && chown drift /data
COPY --from=build /opt/drift /opt/drift
# Without a compiler in the image, networks are not compiled.
ENV PATH=/opt/drift/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    nnUNet_compile=f \
    nnUNet_raw=/data/nnUNet_raw \
    nnUNet_preprocessed=/data/nnUNet_preprocessed \
    nnUNet_results=/data/nnUNet_results
USER 10001
WORKDIR /data
CMD ["drift", "--help"]
