"""The commands as functions: `nas.search`, `nas.fit_scaling`, `nas.family`, `nas.train`, ...

They are imported from `nas` itself, each when it is first used, and take the commands' settings
with the commands' defaults. Errors are `nas.NasError`, in one line, as the commands print them.
"""
