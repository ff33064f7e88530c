"""Published variants as a user writes them: outside the package, from public names, at most 30 lines each."""
