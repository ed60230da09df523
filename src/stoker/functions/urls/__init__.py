"""Function URLs: what is configured for them. What answers at them is `function_urls/`."""
