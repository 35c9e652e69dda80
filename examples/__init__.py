"""Uses of Intaglio, one folder each, runnable and tested."""
