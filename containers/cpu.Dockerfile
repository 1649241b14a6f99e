# DRIFT without a GPU. From the project's folder:
#   docker build -f containers/cpu.Dockerfile -t drift:cpu .
#   docker run --rm -v "$PWD/data:/data" drift:cpu drift doctor
FROM python:3.12.11-slim-bookworm AS build
WORKDIR /source
COPY requirements.txt ./
RUN python -m venv /opt/drift \
    && /opt/drift/bin/pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu -r requirements.txt
COPY pyproject.toml setup.py README.md LICENSE ./
COPY s1 s1
COPY s2s3 s2s3
RUN /opt/drift/bin/pip install --no-cache-dir --no-deps .

FROM python:3.12.11-slim-bookworm
RUN useradd --uid 10001 --create-home drift && mkdir /data && chown drift /data
COPY --from=build /opt/drift /opt/drift
ENV PATH=/opt/drift/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    nnUNet_raw=/data/nnUNet_raw \
    nnUNet_preprocessed=/data/nnUNet_preprocessed \
    nnUNet_results=/data/nnUNet_results
USER 10001
WORKDIR /data
CMD ["drift", "--help"]
