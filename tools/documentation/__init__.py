"""What builds the documentation: the command reference, and pages that live outside docs/."""
