#!/bin/bash
#SBATCH --job-name=curate
#SBATCH --nodes=1
#SBATCH --gpus=4
#SBATCH --cpus-per-task=16
#SBATCH --mem=64G
#SBATCH --time=08:00:00
# The memory and cores of the job are seen in its control group. A job that is stopped goes on
# where it was when it is queued again.
set -euo pipefail

torchrun --standalone --nproc-per-node="${SLURM_GPUS:-4}" -m swav_train images --out model
curate train images --init model/weights.safetensors --epochs 1 --log slurm.log
curate cluster --out manifest.parquet --log slurm.log
curate dedup manifest.parquet --level semantic --log slurm.log
