"""Topics of Apache Kafka, one's own or of Amazon MSK: one consumer for each mapping (reference: event sources, 4)."""
