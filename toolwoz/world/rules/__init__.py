"""The world's two modes: ``v2``, the default, and ``parity`` with the published environment."""
