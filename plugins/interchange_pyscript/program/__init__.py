"""What a script holds besides its kernels: weights, file formats, images, the self-test and the command line."""
