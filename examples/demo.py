"""`./run demo`: a node on a free port, two real functions, ordinary boto3; nothing stays behind but a picture."""

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3

EXAMPLES = Path(__file__).parent
PICTURE = EXAMPLES.parent / "demo-output" / "thumbnail.jpg"
STOKER = (sys.executable, "-m", "stoker")
CALLS = {"thumbnail": {"width": 200}, "weather": {"year": 2015, "month": 7}}


def main() -> int:
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stoker-demo-") as data:
        node = json.loads(stoker("up", "--detach", "--port", "0", "--data", data, "--output", "json"))
        try:
            say(f"A node runs at {node['endpoint']}, isolation {node['isolation']}.")
            for name, event in CALLS.items():
                deploy(name, node["endpoint"])
                call_twice(name, event, node["endpoint"])
        finally:
            stoker("down", "--data", data)
    say(f"\nStopped, after {time.monotonic() - began_s:.0f} s. The thumbnail is in {os.path.relpath(PICTURE)}.")
    say("Next, type:\n  ./run stoker up --detach\n  ./run stoker deploy examples/weather")
    say("  ./run stoker invoke weather --tail")
    return 0


def deploy(name: str, endpoint: str) -> None:
    say(f"\nInstalling and deploying examples/{name} …")
    began_s = time.monotonic()
    arn = stoker("deploy", str(EXAMPLES / name), "--endpoint-url", endpoint).strip()
    say(f"{arn} after {time.monotonic() - began_s:.1f} s")


def call_twice(name: str, event: dict[str, int], endpoint: str) -> None:
    """The first call starts an environment (cold), the second finds it waiting (warm)."""
    client = boto3.client(
        "lambda",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=os.environ.get("AWS_ACCESS_KEY_ID", "demo"),
        aws_secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY", "demo"),
    )
    for temperature in ("cold", "warm"):
        answer = client.invoke(FunctionName=name, Payload=json.dumps(event), LogType="Tail")
        result = json.loads(answer["Payload"].read())
        log = base64.b64decode(answer["LogResult"]).decode()
        report = next(line for line in log.splitlines() if line.startswith("REPORT"))
        if "FunctionError" in answer:
            raise SystemExit(f"{name} failed: {result}\n{log}")
        if temperature == "cold":
            say(f"  {json.dumps(shown(result))}")
        say(f"  {temperature}: {report.partition(chr(9))[2].replace(chr(9), '  ').strip()}")


def shown(result: dict) -> dict:
    """The answer; a picture in it is written to a file and shown by its name."""
    if "image" not in result:
        return result
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_bytes(base64.b64decode(result["image"]))
    return {**result, "image": PICTURE.name}


def stoker(*arguments: str) -> str:
    """Run the command line; what it says about its progress goes to the terminal."""
    done = subprocess.run((*STOKER, *arguments), stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(done.returncode)
    return done.stdout


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
