"""Event source mappings: which functions get the records of which queues and streams."""
