"""Subscription filters: log events that go to functions as they are written."""
