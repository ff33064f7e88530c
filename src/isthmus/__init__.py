"""isthmus: unsupervised and generative learning for arrays, images and tables."""
