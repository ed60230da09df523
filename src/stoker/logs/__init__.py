"""What functions print: log groups, streams and events, and the part of the CloudWatch Logs API that reads them."""
