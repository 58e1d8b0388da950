import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import Request, urlopen

API = os.environ["API_URL"]


class Web(BaseHTTPRequestHandler):
    def pass_on(self):
        with urlopen(Request(API + self.path, method=self.command)) as answer:
            body = answer.read()
        with open("title.txt") as title:
            body = body.replace(b"TITLE", title.read().strip().encode())
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = pass_on


ThreadingHTTPServer(("", 8080), Web).serve_forever()
