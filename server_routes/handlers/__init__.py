"""What answers each route; the table names the functions."""
