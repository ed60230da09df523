"""What ships inside a Python sandbox; imports nothing of ours."""
