"""Container images: which there are, how they are built here, and how they come into a node's containerd."""

from edgefleet_devcluster.images.builder import ensure, images_dir
from edgefleet_devcluster.images.plans import Image

__all__ = ["Image", "ensure", "images_dir"]
