"""Functions and their versions: what they are, how they change, and the operations of the Lambda API on them."""
