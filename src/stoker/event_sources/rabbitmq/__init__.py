"""Queues of RabbitMQ brokers, as mappings of Amazon MQ name them: the broker, its queue, and the event."""
