// An empty program: what every ratio is taken to.
