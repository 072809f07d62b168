from __future__ import annotations

from support.controlplane import control_plane, kubectl, namespace

__all__ = ["control_plane", "kubectl", "namespace"]
