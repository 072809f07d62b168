"""What the cluster itself runs on its platform node: DNS, storage, Flux and a Git server."""

from edgefleet_devcluster.addons.installation import install
from edgefleet_devcluster.addons.rendering import image_names, manifests, namespaces

__all__ = ["image_names", "install", "manifests", "namespaces"]
