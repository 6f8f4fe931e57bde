# curate for CPUs, without CUDA:  docker build -t curate .
# For GPUs:  docker build -t curate-cuda --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu126 .
# Then:  docker run --rm -v "$PWD:/data" curate dedup images --out manifest.parquet
FROM python:3.12-slim

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PYTHONUNBUFFERED=1

WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY curate curate
COPY swav_train swav_train
RUN pip install torch torchvision --index-url "$TORCH_INDEX" && pip install .

RUN useradd --create-home curate
USER curate
WORKDIR /data
ENTRYPOINT ["curate"]
