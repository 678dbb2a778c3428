"""Each hour: load what is new on S3 into the warehouse, build the marts, compare stream and marts.

Each task runs one command of ccs in the project's folder. All of them may be repeated: a load
replaces days that have changed, a build builds what is new. So a task that failed is tried again,
and hours that were missed need no runs of their own: the next run does their work.

Variables of the environment of Airflow's workers:
  CCS_PROJECT_DIR   folder of the project (ccs.yml); its .env has the logins
  CCS_COMMAND       how ccs is called; default: ccs
  CCS_DBT_TARGET    target of dbt: redshift (default), postgres or duckdb
"""

import os
from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

CCS = os.environ.get("CCS_COMMAND", "ccs")
DBT_TARGET = os.environ.get("CCS_DBT_TARGET", "redshift")
FOLDER = os.environ.get("CCS_PROJECT_DIR", ".")

#: `ccs reconcile` ends so when there is nothing to compare with yet, and ccs with changes to confirm.
NOTHING_TO_COMPARE = 3


def command(name: str, *args: str, **options) -> BashOperator:
    """A task that runs a command of ccs; what it prints is the task's log."""
    return BashOperator(
        task_id=name,
        bash_command=" ".join(["exec", CCS, *args]),
        cwd=FOLDER,
        # The environment of the worker, in which ccs finds PATH and its own variables.
        append_env=True,
        **options,
    )


with DAG(
    dag_id="ccs_hourly",
    description="S3 to warehouse, marts, and a comparison of stream and marts",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=3),
    default_args={
        "retries": 2,
        "retry_delay": timedelta(minutes=5),
        "execution_timeout": timedelta(hours=1),
    },
    tags=["ccs"],
    doc_md=__doc__,
) as dag:
    load = command("load", "load", "redshift")
    build = command("dbt_build", "dbt", "build", "--target", DBT_TARGET)
    reconcile = command("reconcile", "reconcile", skip_on_exit_code=NOTHING_TO_COMPARE)
    load >> build >> reconcile
