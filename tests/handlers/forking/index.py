import os


def handler(event, context):
    children = []
    for number in range(event["processes"]):
        child = os.fork()
        if child == 0:
            os._exit(number % 100)
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
