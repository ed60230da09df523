"""Extensions as their authors write them, and functions beside which they run: files of layers and packages."""

# Prints every event on one line, after what its own commands say is to be done for it.
PYTHON_EXTENSION = """#!/usr/bin/env python3
import http.client, json, os, sys, time

NAME = os.path.basename(__file__)
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])


def call(method, path, body=None, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    api.request(method, "/2020-01-01/extension/" + path, body, headers)
    response = api.getresponse()
    return response, json.loads(response.read())


def main(events, on_event=lambda event: None):
    response, facts = call(
        "POST", "register", json.dumps({"events": events}),
        Lambda_Extension_Name=NAME, Lambda_Extension_Accept_Feature="accountId",
    )
    identifier = response.headers["Lambda-Extension-Identifier"]
    print("registered", json.dumps(facts), flush=True)
    while True:
        response, event = call("GET", "event/next", Lambda_Extension_Identifier=identifier)
        print("event", json.dumps(event), flush=True)
        assert response.headers["Lambda-Extension-Event-Identifier"]
        on_event(event)
        if event["eventType"] == "SHUTDOWN":
            return

"""

SHELL_EXTENSION = """#!/bin/sh
api=http://$AWS_LAMBDA_RUNTIME_API/2020-01-01/extension
id=$(curl -sS -o /dev/null -D - -X POST -H "Lambda-Extension-Name: ${0##*/}" \\
  -d '{"events":["INVOKE","SHUTDOWN"]}' $api/register | tr -d '\\r' |
  sed -n 's/^[Ll]ambda-[Ee]xtension-[Ii]dentifier: //p')
while event=$(curl -sS -H "Lambda-Extension-Identifier: $id" $api/event/next); do
  echo "shell got $event"
  case $event in *SHUTDOWN*) exit 0 ;; esac
done
"""


def python_extension(events: tuple[str, ...] = ("INVOKE", "SHUTDOWN"), on_event: str = "pass") -> str:
    """An extension that runs the statement `on_event` for each `event`."""
    return f"{PYTHON_EXTENSION}\ndef on_event(event):\n    {on_event}\n\n\nmain({list(events)!r}, on_event)\n"


# Subscribes with `wanted`, by `path`, and writes what it receives into a file in /tmp, one record on a line.
SUBSCRIBER = """#!/usr/bin/env python3
import http.client, http.server, json, os, socketserver, threading

NAME = os.path.basename(__file__)
received = open("/tmp/" + NAME, "ab", buffering=0)


class Posts(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        received.write(b"".join(json.dumps(record).encode() + b"\\n" for record in json.loads(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments):
        pass


class Lines(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            received.write(line)


def call(method, path, body=None, **headers):
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    api.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = api.getresponse()
    return response.status, response.headers, response.read()


kind = (http.server.HTTPServer, Posts) if PROTOCOL == "HTTP" else (socketserver.TCPServer, Lines)
server = kind[0](("sandbox.localdomain", 4243), kind[1])
threading.Thread(target=server.serve_forever, daemon=True).start()
events = json.dumps({"events": ["INVOKE", "SHUTDOWN"]})
_, headers, _ = call("POST", "/2020-01-01/extension/register", events, Lambda_Extension_Name=NAME)
identifier = headers["Lambda-Extension-Identifier"]
for wanted in WANTED:
    status, _, body = call("PUT", PATH, json.dumps(wanted), Lambda_Extension_Identifier=identifier)
    print("subscribed", status, body.decode(), flush=True)
while True:
    _, _, body = call("GET", "/2020-01-01/extension/event/next", Lambda_Extension_Identifier=identifier)
    if json.loads(body)["eventType"] == "SHUTDOWN":
        break
"""


def subscriber(*wanted: object, path: str = "/2022-07-01/telemetry", protocol: str = "HTTP") -> str:
    """An extension that makes the subscriptions `wanted`, one after another."""
    head, _, rest = SUBSCRIBER.partition("import http.client")
    return f"{head}WANTED = {list(wanted)!r}\nPATH = {path!r}\nPROTOCOL = {protocol!r}\nimport http.client{rest}"
