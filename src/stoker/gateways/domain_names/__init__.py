"""Custom domain names: which API, and which stage of it, a Host and the beginning of a path lead to."""
