# curate for CPUs, without CUDA:  docker build -t curate .
# Then:  docker run --rm -v "$PWD:/data" curate dedup images --out manifest.parquet
# For GPUs: Dockerfile.cuda.
FROM python:3.12-slim

ENV PIP_NO_CACHE_DIR=1 PYTHONUNBUFFERED=1

WORKDIR /src
COPY pyproject.toml requirements-cpu.txt README.md LICENSE ./
# hadolint ignore=DL3013
RUN pip install torch torchvision --index-url https://download.pytorch.org/whl/cpu \
    && pip install -r requirements-cpu.txt
COPY curate curate
COPY swav_train swav_train
RUN pip install --no-deps . \
    && useradd --create-home --uid 1000 curate

USER 1000
WORKDIR /data
ENTRYPOINT ["curate"]
