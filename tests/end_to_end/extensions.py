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
  -d '{"events":["INVOKE","SHUTDOWN"]}' $api/register | sed -n 's/^[Ll]ambda-[Ee]xtension-[Ii]dentifier: //p' | tr -d '\\r')
while event=$(curl -sS -H "Lambda-Extension-Identifier: $id" $api/event/next); do
  echo "shell got $event"
  case $event in *SHUTDOWN*) exit 0 ;; esac
done
"""


def python_extension(events: tuple[str, ...] = ("INVOKE", "SHUTDOWN"), on_event: str = "pass") -> str:
    """An extension that runs the statement `on_event` for each `event`."""
    return f"{PYTHON_EXTENSION}\ndef on_event(event):\n    {on_event}\n\n\nmain({list(events)!r}, on_event)\n"
