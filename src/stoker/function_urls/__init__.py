"""What answers at function URLs: who may call, other sites' pages, and a function's run from request to response."""
