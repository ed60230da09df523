"""The command line. It starts and stops a node; everything else goes through the public API, as any AWS tool would.

Modules here import boto3, rich and the node itself only inside the functions that need them: they would make even
`stoker --help` take half a second.
"""
