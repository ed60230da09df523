"""TLS on the node's one port (decision 61): whose certificate is shown, and what lies between socket and HTTP."""
