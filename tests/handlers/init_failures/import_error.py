import a_package_that_nobody_has  # noqa: F401


def handler(event, context):
    return event
