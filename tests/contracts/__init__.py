"""Contract suites: one for each kind of part, to which a part is added by adding a line."""
