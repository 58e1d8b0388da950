import os
from urllib.parse import unquote, urlsplit

import pg8000.dbapi


def connect():
    url = urlsplit(os.environ["DATABASE_URL"])
    return pg8000.dbapi.connect(user=unquote(url.username), password=unquote(url.password), host=url.hostname,
                                port=url.port, database=url.path.lstrip("/"))
