"""Which environment answered: memory lasts while the process does, /tmp while the environment does."""

import os
import uuid

ENVIRONMENT_FILE, COUNT_FILE = "/tmp/environment", "/tmp/count"
count = 0


def handler(event, context):
    global count
    count += 1
    if not os.path.exists(ENVIRONMENT_FILE):
        _write(ENVIRONMENT_FILE, uuid.uuid4().hex)
    on_disk = int(_read(COUNT_FILE) or 0) + 1
    _write(COUNT_FILE, str(on_disk))
    return {"in_memory": count, "in_tmp": on_disk, "environment": _read(ENVIRONMENT_FILE)}


def _read(path):
    if not os.path.exists(path):
        return ""
    with open(path) as file:
        return file.read()


def _write(path, text):
    with open(path, "w") as file:
        file.write(text)
