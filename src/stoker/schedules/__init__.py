"""Time as a trigger: EventBridge Scheduler, and the rules of EventBridge that have a schedule.

What is due lies in the database, so that nothing is forgotten, or done twice, over a restart. What runs is others'
business: functions are invoked by `invocations/`, other targets through the node's clients.
"""
