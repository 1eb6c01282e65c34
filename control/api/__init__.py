"""Door: the REST API of the control room, one table of routes."""
