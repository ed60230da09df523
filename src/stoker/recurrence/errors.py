"""What is wrong with an expression; each service has words of its own for it."""


class ExpressionError(ValueError):
    """The text is no expression of this kind. The message says which part."""
