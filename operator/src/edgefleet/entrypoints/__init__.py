"""Where the program is started: the command line, the operator, the dashboard."""
