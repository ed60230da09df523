"""How each kind of source is spoken to, and what its records look like in a function's event."""
