"""A server that receives webhooks, and verifies them by itself."""

import base64
import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


class Receiver:
    """Answers posts with the statuses of `script`, then with 204; keeps what it got, and its headers."""

    def __init__(self):
        self.script = []
        self.got = []
        self.arrived = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *arguments):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver.arrived:
                    status = receiver.script.pop(0) if receiver.script else 204
                    receiver.got.append((dict(self.headers), body))
                    receiver.arrived.notify_all()
                if status is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", f"{receiver.url}/elsewhere")
                self.end_headers()

        class Server(ThreadingHTTPServer):
            request_queue_size = 128

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def wait(self, count, seconds=30.0):
        """What arrived, once it is so much."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.got) >= count, seconds), f"only {len(self.got)} of {count}"
            return list(self.got)

    def ids(self):
        """The id of each message."""
        return [headers["webhook-id"] for headers, _ in self.got]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def verified(headers, body):
    """The message, once its signature was computed anew."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = hmac.new(base64.b64decode(SECRET.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(expected).decode()}"
    return json.loads(body)
