"""The command line: reads arguments, starts processes, prints for people. Decides nothing."""
