"""Function URLs: what is configured for them. The HTTP front end that answers at them is not here."""
