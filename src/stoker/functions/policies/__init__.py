"""Resource policies: who else may do what with a function, one policy per qualifier."""
