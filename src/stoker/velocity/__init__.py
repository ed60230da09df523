"""The Velocity template language, as API Gateway's mapping templates have it: parsed once, merged many times.

Templates come from whoever configures an API and run in the node's own process, so they reach nothing but what they are
handed: each kind of value has a table of methods, every run has a bound. Nothing here knows of APIs.
"""
