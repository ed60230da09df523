"""API Gateway's version 2 APIs: what is configured for HTTP and WebSocket APIs, and what answers at HTTP APIs.

What all kinds of APIs share is in `gateways/`; events and responses are in `http_events/`.
"""
