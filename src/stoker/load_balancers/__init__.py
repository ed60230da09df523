"""Application Load Balancers: what is configured by the API `elbv2`, and what answers at their listeners' ports.

Only functions are targets. How requests become events and results responses: `http_events/load_balancer.py`.
"""
