"""API Gateway's REST APIs: what is configured (the API `apigateway`), what is deployed of it, and the way of a request
through it.

What REST and HTTP APIs have in common lies in `gateways/`; events and responses of functions in `http_events/`.
"""
