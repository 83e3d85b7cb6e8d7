"""saasobs: the four things that a production SaaS cannot skip, in one package.

This door is light: importing it loads none of the daemon's dependencies.
"""

from saasobs._version import __version__

__all__ = ["__version__"]
