"""The queues by AWS's SDK for JavaScript, which checks the MD5 of everything itself."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Node
from tests.queues.conftest import MakeQueue

# A release of 2024, so that the test does not change by itself.
PACKAGE = "@aws-sdk/client-sqs@3.699.0"
PROGRAM = """
import { SQSClient, SendMessageCommand, SendMessageBatchCommand, ReceiveMessageCommand, DeleteMessageBatchCommand,
         GetQueueAttributesCommand, ChangeMessageVisibilityCommand } from "@aws-sdk/client-sqs";
const [endpoint, url] = process.argv.slice(2);
const credentials = { accessKeyId: "000000000000", secretAccessKey: "x" };
const client = new SQSClient({ endpoint, region: "us-east-1", credentials });
const attributes = {
  text: { DataType: "String", StringValue: "\\u00e4" },
  bytes: { DataType: "Binary", BinaryValue: new Uint8Array([0, 1, 255]) },
};
await client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: "h\\u00e9llo", MessageAttributes: attributes }));
await client.send(new SendMessageBatchCommand({
  QueueUrl: url, Entries: [1, 2].map((n) => ({ Id: `${n}`, MessageBody: `body ${n}` })) }));
const { Messages } = await client.send(new ReceiveMessageCommand({
  QueueUrl: url, MaxNumberOfMessages: 10, MessageAttributeNames: ["All"], MessageSystemAttributeNames: ["All"] }));
await client.send(new ChangeMessageVisibilityCommand({
  QueueUrl: url, ReceiptHandle: Messages[0].ReceiptHandle, VisibilityTimeout: 60 }));
const deleted = await client.send(new DeleteMessageBatchCommand({
  QueueUrl: url, Entries: Messages.map((m, n) => ({ Id: `${n}`, ReceiptHandle: m.ReceiptHandle })) }));
const { Attributes } = await client.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["All"] }));
let missing;
try {
  await client.send(new SendMessageCommand({ QueueUrl: `${url}-none`, MessageBody: "x" }));
} catch (error) {
  missing = [error.name, error.message];
}
console.log(JSON.stringify({
  bodies: Messages.map((m) => m.Body),
  bytes: Array.from(Messages[0].MessageAttributes.bytes.BinaryValue),
  receives: Messages[0].Attributes.ApproximateReceiveCount,
  deleted: deleted.Successful.length,
  left: Attributes.ApproximateNumberOfMessagesNotVisible,
  missing,
}));
"""


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is missing")
def test_the_sdk_for_javascript_uses_a_queue(node: Node, make_queue: MakeQueue, tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"private": true, "type": "module"}')
    (tmp_path / "main.mjs").write_text(PROGRAM)
    install = ["npm", "install", "--no-audit", "--no-fund", "--loglevel", "error", PACKAGE]
    subprocess.run(install, cwd=tmp_path, check=True, timeout=240)
    url = make_queue()
    done = subprocess.run(
        ["node", "main.mjs", node.endpoint, url], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "bodies": ["h\u00e9llo", "body 1", "body 2"],
        "bytes": [0, 1, 255],
        "receives": "1",
        "deleted": 3,
        "left": "0",
        "missing": ["QueueDoesNotExist", "The specified queue does not exist."],
    }
