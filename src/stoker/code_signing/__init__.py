"""Code signing configurations: which packages a function may be deployed with."""
