#!/usr/bin/python3.13
"""Stands in for Mailpit: accepts every e-mail on port 1025 and lists the recipients as JSON on port 8025."""

import http.server
import json
import signal
import socketserver
import sys
import threading

recipients: list[str] = []


class Smtp(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.reply(220)
        is_data = False
        for line in self.rfile:
            text = line.decode(errors="replace").rstrip("\r\n")
            if is_data:
                if text == ".":
                    is_data = False
                    self.reply(250)
                continue
            verb = text[:4].upper()
            if verb == "RCPT":
                recipients.append(text.partition("<")[2].partition(">")[0])
            is_data = verb == "DATA"
            self.reply(354 if is_data else 221 if verb == "QUIT" else 250)
            if verb == "QUIT":
                return

    def reply(self, code: int) -> None:
        self.wfile.write(f"{code} ok\r\n".encode())


class Web(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps(recipients).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


signal.signal(signal.SIGTERM, lambda *_: sys.exit())
threading.Thread(target=Server(("", 1025), Smtp).serve_forever, daemon=True).start()
Server(("", 8025), Web).serve_forever()
