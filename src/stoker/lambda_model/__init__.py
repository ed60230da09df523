"""Requests and answers of the Lambda API, driven by the service model that botocore ships."""
