"""The rest of AWS: an embedded moto in a process of its own, or whatever endpoint the settings name for a service."""
