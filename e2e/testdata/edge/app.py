import base64, hashlib, http.server, json, os, time

VERSION = open('VERSION').read().strip()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        pass

    def say(self, body, kind='text/plain'):
        self.send_response(200)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == '/events':
            return self.events()
        if self.path == '/socket':
            return self.socket()
        if self.path == '/headers':
            return self.say(json.dumps(dict(self.headers.items())).encode(), 'application/json')
        if self.path == '/die':
            os._exit(1)
        self.say(('%s %s' % (os.environ.get('ROLE', 'web'), VERSION)).encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        self.say(('%d %s' % (len(body), hashlib.sha256(body).hexdigest())).encode())

    def events(self):
        self.send_response(200)
        self.send_header('Content-Type', 'text/event-stream')
        self.send_header('Connection', 'close')
        self.end_headers()
        for i in range(3):
            self.wfile.write(b'data: %d\n\n' % i)
            self.wfile.flush()
            time.sleep(0.2)
        self.close_connection = True

    def socket(self):
        key = self.headers['Sec-WebSocket-Key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
        self.send_response(101)
        self.send_header('Upgrade', 'websocket')
        self.send_header('Connection', 'Upgrade')
        self.send_header('Sec-WebSocket-Accept', base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.close_connection = True
        while True:
            head = self.rfile.read(2)
            if len(head) < 2 or head[0] & 15 == 8:
                return
            size = head[1] & 127
            mask = self.rfile.read(4)
            text = bytes(b ^ mask[i % 4] for i, b in enumerate(self.rfile.read(size)))
            self.wfile.write(bytes([0x81, len(text)]) + text)
            self.wfile.flush()


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128


Server(('', int(os.environ['PORT'])), Handler).serve_forever()
