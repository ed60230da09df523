"""Telemetry of an execution environment for the extensions in it that subscribed (Telemetry API, and the Logs API)."""
