"""When things that happen again and again happen next: AWS's expressions as pure functions of time.

For schedules, rules and the rotation of secrets. Nothing here knows a clock.
"""
