# The install rules and package files.
