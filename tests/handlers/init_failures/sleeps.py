import time

# Longer than the ten seconds that AWS gives the init phase.
time.sleep(15)


def handler(event, context):
    return event
