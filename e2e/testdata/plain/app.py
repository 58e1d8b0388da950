import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import urlopen

import redis

from database import connect

cache = redis.Redis.from_url(os.environ["REDIS_URL"])


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        db = connect()
        cursor = db.cursor()
        if self.path == "/visit":
            cursor.execute("insert into visit default values")
            db.commit()
        cursor.execute("select count(*) from visit")
        said = urlopen(os.environ["API"]).read().decode()
        text = f"visits: {cursor.fetchone()[0]}, hits: {cache.incr('hits')}, {said}, greeting: {os.environ.get('GREETING')}\n"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())


ThreadingHTTPServer(("", int(os.environ.get("PORT", 5000))), Handler).serve_forever()
