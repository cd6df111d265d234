"""Pretrain and fine-tune every night with Airflow's operator for spark-submit.

Needs apache-airflow-providers-apache-spark and a connection "spark_default". A task that fails is
tried again: a run resumes from its last checkpoint, so the same command is all that it takes.
"""

from datetime import datetime, timedelta

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG

JAR = "s3a://artifacts/firesteel-0.1.0.jar"
CONF = {
    "spark.dynamicAllocation.enabled": "false",
    "spark.executorEnv.OMP_NUM_THREADS": "1",
    "spark.executorEnv.MLFLOW_TRACKING_TOKEN": "{{ var.value.mlflow_token }}",
}


def train(stage: str, *settings: str) -> SparkSubmitOperator:
    return SparkSubmitOperator(
        task_id=stage,
        name="firesteel-" + stage,
        application=JAR,
        java_class="dev.firesteel.spark.Firesteel",
        application_args=[
            stage,
            "runs_folder=s3a://models/runs",
            "name=nightly-" + stage + "-{{ ds_nodash }}",
            "data.path=s3a://models/data/" + stage + "-{{ ds_nodash }}",
            "tracking.mlflow.uri=http://mlflow:5000",
            *settings,
        ],
        conf=CONF,
        num_executors=4,
        executor_cores=8,
        executor_memory="16g",
    )


with DAG(
    "firesteel_nightly",
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
):
    base = train("pretrain", "data.source=table:lake.texts.documents", "data.text_field=body")
    tuned = train(
        "sft",
        "model.from=s3a://models/runs/nightly-pretrain-{{ ds_nodash }}",
        "data.source=s3a://lake/conversations.jsonl",
        "tracking.mlflow.register=assistant",
    )
    base >> tuned
