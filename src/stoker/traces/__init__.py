"""Traces: which invocations are sampled, the segments of X-Ray that come of them, where they are kept and sent."""
