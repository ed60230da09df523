"""HTTP requests as events of functions and functions' results as HTTP responses: one module for each format. Pure."""
