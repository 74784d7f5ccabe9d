"""How good a detector is: nuScenes' centre-distance metrics, and the files that report them."""
