import os
from urllib.request import urlopen

import pymysql


def ask(statement):
    with open("/run/secrets/mysql_password") as password:
        connection = pymysql.connect(host=os.environ["MYSQL_HOST"], user=os.environ["MYSQL_USER"], password=password.read().strip(),
                                     database=os.environ["MYSQL_DATABASE"], autocommit=True)
    with connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()


def application(environ, start):
    path, body = environ["PATH_INFO"], "ok"
    if path == "/notes":
        ask("insert into note (text) values ('a note')")
    elif path == "/":
        with urlopen("http://proxy/title.txt") as title:
            body = f"notes: {ask('select count(*) from note')[0]} {title.read().decode()}"
    start("200 OK", [("Content-Type", "text/plain")])
    return [body.encode()]
