"""Pictures and pages of what was fitted."""
