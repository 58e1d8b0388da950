import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import redis

from database import connect

queue = redis.Redis.from_url(os.environ["REDIS_URL"])


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        queue.rpush("jobs", self.path)
        self.answer("queued")

    def do_GET(self):
        cursor = connect().cursor()
        cursor.execute("select count(*) from job where done is not null")
        self.answer(f"done: {cursor.fetchone()[0]} by {sys.prefix}")

    def answer(self, text):
        body = (text + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
