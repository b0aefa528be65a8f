"""A local WeCom that speaks the real protocol over HTTP on 127.0.0.1; see its README."""

from scrm.sandbox.server import Sandbox

__all__ = ["Sandbox"]
