import os
import time

import psycopg2


def connect():
    for _ in range(300):
        try:
            connection = psycopg2.connect(os.environ["DATABASE_URL"])
            connection.autocommit = True
            return connection
        except psycopg2.OperationalError:
            time.sleep(0.1)
    raise SystemExit("the database does not answer")


def ask(statement, *values):
    with connect().cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone() if cursor.description else None
