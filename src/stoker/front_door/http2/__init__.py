"""HTTP/2 (RFC 9113): many requests on one connection, each answered as one of HTTP/1.1's would be (decision 62)."""
