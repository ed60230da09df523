"""What all kinds of APIs of API Gateway share: addresses, throttles, authorizer functions, integrations with functions
and access logs. Routes, events and the words of refusals are each kind's own.
"""
