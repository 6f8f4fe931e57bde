"""A flow of Prefect: copies are found, the training images drawn from what is left and exported.

    python prefect_flow.py [IMAGES]

What a stage says with --json becomes its result. Code 4, a lock that is held or a disk that is
full, may pass: the task is tried again. Any other code ends the flow.
"""

import json
import shlex
import shutil
import subprocess
import sys
from typing import Any

from prefect import flow, task
from prefect.client.schemas import TaskRun
from prefect.states import State

MAY_PASS = 4


def is_worth_another_try(_task: object, _run: TaskRun, state: State[Any]) -> bool:
    """Return whether a stage failed for want of a resource."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, subprocess.CalledProcessError) and error.returncode == MAY_PASS


@task(retries=3, retry_delay_seconds=60, retry_condition_fn=is_worth_another_try)
def run_stage(command: str) -> dict[str, Any]:
    """Return what a stage of curate says it did; its notes go to the flow's stderr."""
    done = subprocess.run(
        shlex.split(f"{command} --json"), stdout=subprocess.PIPE, text=True, check=True
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@flow(name="curate")
def curate_images(images: str = "images") -> dict[str, Any]:
    """Return what was exported."""
    found = run_stage(f"curate dedup {shlex.quote(images)} --out manifest.parquet")
    print(f"{found['n_duplicates']} of {found['n_images']} images are copies")
    run_stage("curate split manifest.parquet --ratios train=0.8,val=0.2 --stable")
    shutil.rmtree("subset", ignore_errors=True)  # it holds links only
    return run_stage("curate export manifest.parquet --to subset --as symlink")


if __name__ == "__main__":
    curate_images(*sys.argv[1:2])
