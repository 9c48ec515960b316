"""A space of ghost bottlenecks for compound-nas."""
