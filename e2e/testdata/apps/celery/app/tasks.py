import os

from celery import Celery

from store import ask

celery = Celery("tasks", broker=os.environ["CELERY_BROKER_URL"], backend=os.environ["CELERY_RESULT_BACKEND"])
celery.conf.beat_schedule = {"often": {"task": "tasks.tick", "schedule": 2.0}}


@celery.task
def finish(note):
    ask("update note set done = true where id = %s", note)


@celery.task
def tick():
    ask("insert into tick default values")
