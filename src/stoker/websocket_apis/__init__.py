"""What answers at WebSocket APIs of API Gateway: connections, routes for their messages, and the management API.

What is configured for them is kept, with that of HTTP APIs, by `http_apis/`; frames are the front door's.
"""
