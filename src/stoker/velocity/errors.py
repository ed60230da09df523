"""What can go wrong with a template."""


class TemplateError(Exception):
    """It is none, or it asks for what cannot be done."""
