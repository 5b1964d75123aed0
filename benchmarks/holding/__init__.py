"""How long the host's event loop is held while work goes on: ours and Manager's, in a host that really runs."""
