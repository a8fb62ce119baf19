# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Where Odoo's own mails go in ``make chaos``: a mail server that keeps them."""

import email
import email.policy
import socketserver
import threading


class Mailbox:
    """The mails that Odoo has sent itself: Message-Id -> text."""

    def __init__(self):
        self.texts = {}
        #: Odoo's queue sends a mail again when it ends between sending and noting that;
        #: by its Message-Id it is the same.
        self.repeated = 0
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
        server.daemon_threads = True
        server.mailbox = self
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def take(self, content):
        mail = email.message_from_bytes(content, policy=email.policy.default)
        parts = [part for part in mail.walk() if part.get_content_maintype() == "text"]
        self.repeated += mail["Message-Id"] in self.texts
        self.texts[mail["Message-Id"]] = "\n".join(part.get_content() for part in parts)


class Session(socketserver.StreamRequestHandler):
    """As much of SMTP as Odoo speaks."""

    def handle(self):
        self.say("220 here")
        for line in self.rfile:
            word = line[:4].upper()
            if word == b"QUIT":
                return self.say("221 bye")
            if word == b"DATA":
                self.say("354 go on")
                self.server.mailbox.take(b"".join(self.content()))
            self.say("250 well")

    def content(self):
        for line in self.rfile:
            if line == b".\r\n":
                return
            # A line that begins with a dot has got another one.
            yield line.removeprefix(b".")

    def say(self, text):
        self.wfile.write(f"{text}\r\n".encode())
