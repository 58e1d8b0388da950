import http.server, os, subprocess
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        n = b'up'
        if self.path != '/up':
            n = subprocess.run(['psql', os.environ['DATABASE_URL'], '-tAc', 'select count(*) from product'], capture_output=True).stdout
        self.send_response(200); self.end_headers(); self.wfile.write(b'products: ' + n)
http.server.ThreadingHTTPServer(('', int(os.environ['PORT'])), H).serve_forever()
