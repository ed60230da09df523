"""Durable queues with the SQS API: standard and FIFO."""
